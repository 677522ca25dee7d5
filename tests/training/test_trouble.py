"""What goes wrong while a network trains is named, harms nothing, and is stopped at or skipped as the user asked."""

import os
import signal
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

import pytest
import torch

from benchmarks.reliability.readers import CHANGES, make_photos
from residua.data import Batch, Batches
from residua.errors import BadData, BadInput, Diverged, LostProcess, OutOfMemory
from residua.runs import EventRow, Row, StepRow, read_rows
from residua.training import Settings, resume, train
from residua.training.checkpoint import checkpoints, read_checkpoint
from residua.training.distributed import ALONE, Ranks
from residua.training.skipping import may_be_skipped
from residua.training.step import Stepper
from residua.training.tasks import classification
from residua.training.together import fitted_to

DIGITS = Settings(model="resnet8_cifar", epochs=1, batch_size=128, amp=False, device="cpu", kernels=False)
PHOTOS = Settings(model="resnet8_cifar", epochs=3, batch_size=8, workers=1, amp=False, device="cpu")
SKIPPING = Settings(
    model="resnet8_cifar", epochs=1, batch_size=128, amp=False, device="cpu", on_bad_batch="skip"
)


def events(run: Path) -> list[str]:
    return [row.text for row in read_rows(run / "metrics.jsonl") if isinstance(row, EventRow)]


def assert_finite(run: Path) -> None:
    for path in checkpoints(run / "checkpoints"):
        assert all(tensor.isfinite().all() for tensor in read_checkpoint(path)[0].values())


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make one picture of the third batch of a training NaN; return what its name looks like."""
    epoch = Batches.epoch

    def with_nan(self: Batches, number: int, start: int = 0) -> Iterator[Batch]:
        for place, batch in enumerate(epoch(self, number, start), start=start):
            if place == 2 and self.batching.shuffle:
                batch.images[5] = float("nan")
            yield batch

    monkeypatch.setattr(Batches, "epoch", with_nan)
    return r"digits/\d{4}"


def test_a_picture_that_is_not_finite_is_named_and_stops_the_training(spoilt: str, tmp_path: Path) -> None:
    with pytest.raises(
        Diverged, match=rf"after step 2, .*the pictures themselves.* \(of {spoilt}\).*on-bad-batch skip"
    ):
        train("digits", DIGITS, run=tmp_path / "run", exam=False)
    assert_finite(tmp_path / "run")


def test_or_its_batch_is_skipped_and_leaves_no_trace(spoilt: str, tmp_path: Path) -> None:
    run, evaluation = train("digits", SKIPPING, run=tmp_path / "run", exam=False)
    (said,) = (text for text in events(run.folder) if "skipped" in text)
    assert said.startswith("skipped batch 3 of epoch 1: the loss is nan")
    assert evaluation.scores.samples == 450
    assert_finite(run.folder)


def test_a_training_that_diverges_does_not_skip_for_ever(tmp_path: Path) -> None:
    settings = Settings(
        model="resnet8_cifar",
        epochs=1,
        lr=1e30,
        clip=0,
        warmup=0,
        amp=False,
        device="cpu",
        on_bad_batch="skip",
    )
    with pytest.raises(Diverged, match=r"after step 1, in epoch 1: .* not finite"):
        train("digits", settings, run=tmp_path / "run", exam=False)
    assert_finite(tmp_path / "run")


def test_only_a_tenth_of_an_epoch_may_be_skipped() -> None:
    assert [may_be_skipped(skipped, 20) for skipped in range(3)] == [True, True, False]
    assert not may_be_skipped(0, 1)


def test_several_processes_do_not_skip() -> None:
    assert fitted_to(SKIPPING, ALONE) == SKIPPING
    with pytest.raises(BadInput, match="--on-bad-batch skip is for one process"):
        fitted_to(SKIPPING, Ranks(size=2))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures that are read from their files in every epoch."""
    monkeypatch.setattr(classification, "memory_limit", lambda processes: 0)
    return make_photos(tmp_path / "photos", 60)


@pytest.mark.parametrize("what", CHANGES)
def test_a_picture_that_changes_under_a_training_is_never_taken(
    what: str, photos: Path, tmp_path: Path
) -> None:
    kept: dict[Path, bytes] = {}

    def show(row: Row) -> None:
        if isinstance(row, StepRow) and row.step == 6 and not kept:
            for picture in photos.rglob("007.bmp"):
                kept[picture] = picture.read_bytes()
                CHANGES[what](picture)

    with pytest.raises(BadData, match=r"class\d/007\.bmp: .*put it back.*residua resume"):
        train(photos, PHOTOS, run=tmp_path / "run", exam=False, show=show)
    with pytest.raises(BadData, match=r"(?s)class\d/007\.bmp.*Put the pictures back as they were"):
        resume(tmp_path / "run")
    for picture, content in kept.items():
        picture.write_bytes(content)
    resume(tmp_path / "run")


def test_a_reader_that_is_killed_is_named(photos: Path, tmp_path: Path) -> None:
    def show(row: Row) -> None:
        if isinstance(row, StepRow) and row.step == 2:
            os.kill(active_children()[0].pid or 0, signal.SIGKILL)

    with pytest.raises(LostProcess, match=r"was killed .*near these: class\d/.*residua resume"):
        train(photos, PHOTOS, run=tmp_path / "run", exam=False, show=show)
    assert len(checkpoints(tmp_path / "run" / "checkpoints")) == 1


@pytest.mark.parametrize(
    "lack",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_a_step_that_does_not_fit_says_what_does(
    lack: RuntimeError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a device with room for 40 pictures whose activations are all kept."""
    add_gradient = Stepper.add_gradient

    def small(self: Stepper, images: torch.Tensor, targets: torch.Tensor) -> tuple[float, torch.Tensor]:
        if len(images) > 40 and self.forward is self.model:
            raise lack
        return add_gradient(self, images, targets)

    monkeypatch.setattr(Stepper, "add_gradient", small)
    said = "128 pictures of 8 × 8 does not fit in memory; begin again with --batch-size 32 --accumulate 4 or with"
    with pytest.raises(OutOfMemory, match=said):
        train("digits", DIGITS, run=tmp_path / "run", exam=False)
    resume(tmp_path / "run", memory="lean")


def test_deterministic_is_harmless_on_a_cpu(tmp_path: Path) -> None:
    asked = Settings(
        model="resnet8_cifar",
        epochs=1,
        batch_size=128,
        amp=False,
        device="cpu",
        deterministic=True,
        kernels=False,
    )
    ends = []
    for name, settings in (("plain", DIGITS), ("deterministic", asked)):
        run, _ = train("digits", settings, run=tmp_path / name, exam=False)
        ends.append(read_checkpoint(checkpoints(run.checkpoints)[0])[0])
        assert not [said for said in events(run.folder) if "deterministic" in said]
    assert not torch.are_deterministic_algorithms_enabled()
    assert [
        name for name in ends[0] if name != "random/plain" and not torch.equal(ends[0][name], ends[1][name])
    ] == []
