"""A run's folder: names, rows, locks, and a model that reads back."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from residua.data import Preprocess
from residua.errors import BadRun
from residua.nets.build import build
from residua.runs import (
    EpochRow,
    EventRow,
    Model,
    Run,
    StepRow,
    append_row,
    keep_rows,
    load_model,
    locked,
    new_run,
    open_run,
    read_json,
    read_rows,
    refuse_taken,
    save_model,
    write_json,
)
from residua.runs.model import card_of, read_card
from residua.training.record import read_config

PREPROCESS = Preprocess(size=8, resize=8, channels=1, mean=(0.5,), std=(0.2,), read_side=16)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def step(number: int) -> StepRow:
    return StepRow(step=number, epoch=1, loss=1.0, lr=0.1, gradient_norm=2.0)


@pytest.mark.usefixtures("here")
def test_runs_without_a_name_get_the_next_free_one() -> None:
    first, second = new_run(None, stem="my photos"), new_run(None, stem="my photos")
    assert (first.folder, second.folder) == (Path("runs/my-photos"), Path("runs/my-photos-2"))


@pytest.mark.usefixtures("here")
def test_a_second_run_of_the_same_name_is_refused() -> None:
    run = new_run("mine", stem="x")
    write_json(run.config, {})
    with pytest.raises(BadRun, match="residua resume runs/mine"):
        new_run("mine", stem="x")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mine", "runs/mine"),
        ("./mine", "mine"),
        ("filled/", "filled"),
        (Path("mine"), "mine"),
        ("deep/mine", "deep/mine"),
    ],
)
def test_a_name_with_a_slash_is_a_path_as_it_is_given(name: str | Path, folder: str) -> None:
    assert new_run(name, stem="x").folder == Path(folder)


def test_a_place_that_cannot_be_written_is_refused_before_there_is_work(here: Path) -> None:
    (here / "file").touch()
    for name in ("./file", "./file/mine"):
        with pytest.raises(BadRun, match="choose another"):
            refuse_taken(name)
    refuse_taken("./free/mine")
    assert not (here / "free").exists()


def test_a_folder_with_something_else_in_it_is_refused(here: Path) -> None:
    (here / "letters").mkdir()
    (here / "letters" / "love.txt").write_text("dear")
    with pytest.raises(BadRun, match="not an empty folder"):
        new_run("./letters/../letters", stem="x")


@pytest.mark.usefixtures("here")
def test_what_a_process_killed_at_the_start_has_left_is_taken_over(here: Path) -> None:
    run = new_run("mine", stem="x")
    write_json(run.environment, {})
    (run.folder / ".data.json.123.part").write_text("{")
    again = new_run("mine", stem="x")
    with locked(again):
        assert sorted(path.name for path in again.folder.iterdir()) == [
            ".lock",
            "checkpoints",
            "environment.json",
        ]


@pytest.mark.usefixtures("here")
def test_opening_nothing_names_the_runs_that_there_are() -> None:
    write_json(new_run("mine", stem="x").config, {})
    assert open_run("mine").folder == Path("runs/mine")
    with pytest.raises(BadRun, match="the runs here are mine"):
        open_run("yours")


def test_rows_read_back_and_a_line_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    rows = [step(10), EventRow(step=12, text="resumed"), step(20)]
    for row in rows:
        append_row(path, row)
    with path.open("ab") as file:
        file.write(b'{"kind":"step","st')
    assert read_rows(path) == rows
    keep_rows(path, until=12)
    assert read_rows(path) == rows[:2]
    path.write_text('{"kind":"step"}\n')
    with pytest.raises(BadRun, match="a line of it is damaged"):
        read_rows(path)


def test_an_epoch_row_may_have_no_training_accuracy(tmp_path: Path) -> None:
    row = EpochRow(
        epoch=1, step=1, seconds=1.0, train_loss=1.0, train_accuracy=None, val_loss=1.0, val_accuracy=0.5, lr=0.1,
        images_per_second=10.0,
    )  # fmt: skip
    append_row(tmp_path / "m", row)
    assert read_rows(tmp_path / "m") == [row]


def test_a_run_is_held_by_one_process(tmp_path: Path) -> None:
    run = Run(tmp_path)
    other = (
        "from pathlib import Path\nfrom residua.runs import Run, locked\n"
        f"with locked(Run(Path({str(tmp_path)!r}))): pass"
    )
    with locked(run):
        held = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=False)
    assert "is being written by process" in held.stderr
    assert subprocess.run([sys.executable, "-c", other], check=False).returncode == 0


def test_a_child_that_outlives_a_training_does_not_hold_its_run(tmp_path: Path) -> None:
    """As a process that reads pictures does for some seconds when the training is killed."""
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom residua.runs import Run, locked\n"
        "read, write = os.pipe()\n"
        "with locked(Run(Path(sys.argv[1]))):\n"
        "    if os.fork() == 0:\n        os.write(write, b'.')\n        time.sleep(60)\n"
        "    os.read(read, 1)\n    os.kill(os.getpid(), 9)"
    )
    killed = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], start_new_session=True)
    try:
        assert killed.wait() == -signal.SIGKILL
        with locked(Run(tmp_path)):
            pass
    finally:
        os.killpg(killed.pid, signal.SIGKILL)


def test_a_run_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(BadRun, match=r"\.lock was not written: is a directory"), locked(Run(tmp_path)):
        pass


def test_a_run_that_cannot_be_looked_into_is_a_sentence(here: Path) -> None:
    with pytest.raises(BadRun, match="cannot be read: file name too long"):
        open_run("x" * 300)
    (here / "run" / "config.json").mkdir(parents=True)
    with pytest.raises(BadRun, match=r"config\.json cannot be read: is a directory"):
        read_json(open_run("run").config, dict)


def test_a_model_reads_back_with_the_same_answers(tmp_path: Path) -> None:
    network = build("resnet20_cifar", classes=3, in_channels=1).eval()
    model = Model(name="resnet20_cifar", network=network, classes=("a", "b", "c"), preprocess=PREPROCESS)
    save_model(tmp_path, card_of(model, {"val_accuracy": 0.5}), network.state_dict())
    again = load_model(str(tmp_path))
    images = torch.randn(2, 1, 8, 8)
    assert torch.equal(again.network(images), network(images))
    assert (again.classes, again.preprocess) == (model.classes, model.preprocess)


@pytest.mark.parametrize(
    ("name", "said"),
    [("model.json", "the file is damaged"), ("model.safetensors", "it ends before its header does")],
)
def test_a_broken_model_is_a_sentence(tmp_path: Path, name: str, said: str) -> None:
    network = build("resnet20_cifar", classes=3, in_channels=1)
    model = Model(name="resnet20_cifar", network=network, classes=("a", "b", "c"), preprocess=PREPROCESS)
    save_model(tmp_path, card_of(model, {}), network.state_dict())
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(BadRun, match=f"{name} .*{said}"):
        load_model(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BadRun, match="residua resume"):
        load_model(tmp_path)
    (tmp_path / name).mkdir()
    with pytest.raises(BadRun, match="cannot be read"):
        load_model(tmp_path)


def test_a_run_of_a_newer_version_is_said_to_be_one(tmp_path: Path) -> None:
    run = Run(tmp_path)
    write_json(run.config, {"format": 2, "recipe": {}})
    write_json(tmp_path / "model.json", {"format": 2, "weights": []})
    with pytest.raises(BadRun, match=r"config\.json is of format 2 .* pip install --upgrade residua"):
        read_config(run)
    with pytest.raises(BadRun, match=r"model\.json is of format 2"):
        read_card(tmp_path / "model.json")


def test_a_link_that_leads_out_of_a_run_is_refused(tmp_path: Path) -> None:
    outside, run = tmp_path / "letters", Run(tmp_path / "run")
    outside.mkdir()
    (run.folder / "checkpoints").mkdir(parents=True)
    write_json(run.config, {})
    (run.folder / "newest").symlink_to(run.folder / "checkpoints")
    assert open_run(run.folder) == run
    (run.folder / "evaluation").symlink_to(outside)
    with pytest.raises(BadRun, match=r"evaluation is a link to .*letters, outside of the run"):
        open_run(run.folder)


def test_a_changed_byte_of_a_model_is_found(tmp_path: Path) -> None:
    network = build("resnet20_cifar", classes=3, in_channels=1)
    model = Model(name="resnet20_cifar", network=network, classes=("a", "b", "c"), preprocess=PREPROCESS)
    save_model(tmp_path, card_of(model, {}), network.state_dict())
    stored = tmp_path / "model.safetensors"
    whole = stored.read_bytes()
    for place in (9, whole.index(b"seal"), len(whole) // 2, len(whole) - 1):
        stored.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BadRun, match=r"model\.safetensors"):
            load_model(tmp_path)


def test_a_header_of_two_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    network = build("resnet20_cifar", classes=3, in_channels=1)
    model = Model(name="resnet20_cifar", network=network, classes=("a", "b", "c"), preprocess=PREPROCESS)
    save_model(tmp_path, card_of(model, {}), network.state_dict())
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write((2**31).to_bytes(8, "little") + b"{")
        file.truncate(2**31 + 8)  # a hole: it takes no room on the disk
    with pytest.raises(BadRun, match="claims a header of 2,147,483,648 bytes"):
        load_model(tmp_path)
