"""Training from shards: killed and resumed it ends as if it had not been; with masks it does what the folder does."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from residua.data import open_source
from residua.data.masks import open_masks
from residua.data.masks.shards import write_mask_shards
from residua.data.shards import write_shards
from residua.data.shards.files import Format
from residua.errors import BadData, Interrupted
from residua.runs import EpochRow, Row, StepRow, load_model, open_run, read_rows
from residua.training import MaskEvaluation, Settings, evaluate, evaluate_run, resume, train
from residua.training.record import DataRecord, read_record
from tests.data.masks.make import two_folders
from tests.training.killing import kill_in_training

PHOTOS = Settings(model="resnet20_cifar", epochs=2, batch_size=8, image_size=16, device="cpu", workers=0)
MASKS = Settings(model="unet_slim", epochs=2, batch_size=4, crop=16, device="cpu", workers=0)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep nothing of a test where a person keeps things."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def broken(folder: Path, out: Path, format: Format) -> Path:
    """Write shards of noise of two brightnesses, and then damage a picture in them, as a disk may."""
    for number, label in enumerate(("dark", "light")):
        (folder / label).mkdir(parents=True)
        for index in range(20):
            pixels = np.random.default_rng([number, index]).integers(0, 128, (16, 16, 3)) + 127 * number
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{index:02d}.png")
    source = open_source(folder)
    write_shards(source, out, format=format)
    content = (folder / source.splits["train"].names[3]).read_bytes()
    path = out / f"train-000000.{format}"
    path.write_bytes(path.read_bytes().replace(content, bytes(len(content))))
    return out


def losses(run: Path) -> list[tuple[float, ...]]:
    epochs = [row for row in read_rows(run / "metrics.jsonl") if isinstance(row, EpochRow)]
    return [(row.train_loss, row.val_loss, row.val_mean_iou or 0) for row in epochs]


def assert_same_end(ours: Path, theirs: Path) -> None:
    found, expected = load_file(ours / "model.safetensors"), load_file(theirs / "model.safetensors")
    assert found.keys() == expected.keys()
    assert [name for name in expected if not found[name].equal(expected[name])] == []
    assert losses(ours) == losses(theirs)


def stop_at(step: int) -> Callable[[Row], None]:
    def show(row: Row) -> None:
        if isinstance(row, StepRow) and row.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    return show


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("format", ["tar", "parquet"])
def test_a_broken_picture_that_was_left_out_is_left_out_after_a_resume(
    format: Format, held: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not held:
        monkeypatch.setattr("residua.training.tasks.classification.memory_limit", lambda processes: 0)
    data = broken(tmp_path / "photos", tmp_path / "shards", format)
    unbroken, run = tmp_path / "unbroken", tmp_path / "run"
    train(data, PHOTOS, run=unbroken, skip_bad=True, exam=False)
    record = read_record(open_run(unbroken))
    assert isinstance(record, DataRecord)
    assert len(record.description.left_out) == 1
    with pytest.raises(Interrupted):
        train(data, PHOTOS, run=run, skip_bad=True, exam=False, show=stop_at(5))
    resume(run)
    assert_same_end(run, unbroken)


def test_without_being_told_to_it_stops_and_names_the_picture(tmp_path: Path) -> None:
    data = broken(tmp_path / "photos", tmp_path / "shards", "tar")
    with pytest.raises(
        BadData, match=r"(?s)1 picture in .* cannot be read:\n  - \w+/\d\d\.png: .*--skip-bad"
    ):
        train(data, PHOTOS, run=tmp_path / "run", exam=False)


def test_killed_without_a_word_then_resumed(tmp_path: Path) -> None:
    data = broken(tmp_path / "photos", tmp_path / "shards", "parquet")
    train(data, PHOTOS, run=tmp_path / "unbroken", skip_bad=True, exam=False)
    code = (
        "from residua.training import MaskEvaluation, Settings, train\n"
        f"train({str(data)!r}, {PHOTOS!r}, run={str(tmp_path / 'run')!r}, skip_bad=True, exam=False)"
    )
    kill_in_training(code, tmp_path / "run")
    resume(tmp_path / "run")
    assert_same_end(tmp_path / "run", tmp_path / "unbroken")


@pytest.mark.parametrize("format", ["tar", "parquet"])
def test_masks_in_shards_are_trained_on_like_the_folder(format: Format, tmp_path: Path) -> None:
    data, out = two_folders(tmp_path / "data"), tmp_path / "shards"
    write_mask_shards(open_masks(data), out, format=format)
    train(data, MASKS, run=tmp_path / "folder", exam=False)
    train(out, MASKS, run=tmp_path / "whole", exam=False)
    assert len(losses(tmp_path / "folder")) == 2
    assert_same_end(tmp_path / "whole", tmp_path / "folder")
    with pytest.raises(Interrupted):
        train(out, MASKS, run=tmp_path / "run", exam=False, show=stop_at(3))
    resume(tmp_path / "run")
    assert_same_end(tmp_path / "run", tmp_path / "folder")
    run, model = open_run(tmp_path / "run"), load_model(tmp_path / "run")
    assert evaluate_run(run, model, None) == evaluate_run(run, model, str(out))
    elsewhere = evaluate_run(open_run(tmp_path / "folder"), model, None, split="test")
    found = evaluate(model, out, split="test")
    assert isinstance(elsewhere, MaskEvaluation) and isinstance(found, MaskEvaluation)
    assert found.scores == elsewhere.scores
