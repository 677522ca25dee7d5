"""A run that is stopped, however it is stopped, ends as if it had not been."""

import os
import random
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from residua.errors import BadInput, BadRun, Interrupted
from residua.runs import EpochRow, Row, StepRow, read_rows
from residua.training import Settings, resume, train
from residua.training.checkpoint import checkpoints, read_checkpoint
from residua.training.seed import random_states, seed_everything, set_random_states
from tests.training.killing import kill_in_training

SETTINGS = Settings(epochs=2, stochastic_depth=0.2, mixup=0.2, device="cpu", channels_last=True)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "unbroken"
    run, _ = train("digits", SETTINGS, run=str(folder))
    return run.folder


def assert_same_end(folder: Path, unbroken: Path) -> None:
    for file in ("model.safetensors", f"checkpoints/{checkpoints(unbroken / 'checkpoints')[0].name}"):
        ours, theirs = load_file(folder / file), load_file(unbroken / file)
        assert ours.keys() == theirs.keys()
        # The checks of types in these tests draw from Python's own random state; nothing in training does.
        names = ours.keys() - {"random/plain"}
        assert [name for name in names if not torch.equal(ours[name], theirs[name])] == []
    rows = [
        [row for row in read_rows(path / "metrics.jsonl") if isinstance(row, StepRow)]
        for path in (folder, unbroken)
    ]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("step", [1, 7, 18, 24])
def test_ctrl_c_then_resume_ends_in_the_same_weights(step: int, unbroken: Path, tmp_path: Path) -> None:
    def show(row: Row) -> None:
        if isinstance(row, StepRow) and row.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="residua resume"):
        train("digits", SETTINGS, run=str(tmp_path / "run"), show=show)
    torch.rand(100), random.random(), np.random.rand()  # noqa: NPY002  # what another program may have drawn since
    resume(tmp_path / "run")
    assert_same_end(tmp_path / "run", unbroken)


def test_killed_without_a_word_then_resumed(unbroken: Path, tmp_path: Path) -> None:
    code = (
        "from residua.training import Settings, train\n"
        f"train('digits', {SETTINGS!r}, run={str(tmp_path / 'run')!r})"
    )
    kill_in_training(code, tmp_path / "run")
    resume(tmp_path / "run")
    assert_same_end(tmp_path / "run", unbroken)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(unbroken: Path, tmp_path: Path) -> None:
    def show(row: Row) -> None:
        if isinstance(row, StepRow) and row.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="SIGTERM"):
        train("digits", SETTINGS, run=str(tmp_path / "run"), show=show)
    newest, oldest = checkpoints(tmp_path / "run" / "checkpoints")
    content = bytearray(newest.read_bytes())
    content[-1000] ^= 1
    newest.write_bytes(content)
    with pytest.raises(BadRun, match="its checksum is not that of its content"):
        read_checkpoint(newest)
    resume(tmp_path / "run")
    assert_same_end(tmp_path / "run", unbroken)
    assert oldest.name == "step-000000.safetensors"


def test_killed_before_the_first_checkpoint_it_begins_again(unbroken: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    for name in ("config.json", "data.json", "environment.json"):
        (run / name).write_bytes((unbroken / name).read_bytes())
    resume(run)
    assert_same_end(run, unbroken)


def test_random_states_come_back() -> None:
    seed_everything(3)
    states = random_states()
    drawn = []
    for _ in range(2):
        set_random_states(states)
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))  # noqa: NPY002
    assert drawn[0] == drawn[1]


def test_a_run_that_is_done_resumes_to_nothing(unbroken: Path) -> None:
    before = [row for row in read_rows(unbroken / "metrics.jsonl") if isinstance(row, EpochRow)]
    resume(unbroken)
    assert [row for row in read_rows(unbroken / "metrics.jsonl") if isinstance(row, EpochRow)] == before


def test_a_run_from_another_machine_goes_on_with_the_device_that_is_here(
    unbroken: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(unbroken, folder)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"device": "cpu"', '"device": "cuda:7"'))
    assert '"cuda:7"' in config.read_text()
    with pytest.raises(BadInput, match="--device cuda:7 cannot be used here"):
        resume(folder)
    assert resume(folder, device="cpu")[0].folder == folder
