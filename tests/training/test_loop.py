"""What is not finite is never saved, wherever it shows itself first."""

from pathlib import Path

import pytest
import torch
from torch import nn

from residua.errors import Diverged
from residua.runs import EpochRow, EventRow, read_rows
from residua.training import Settings, train
from residua.training.checkpoint import checkpoints, read_checkpoint
from residua.training.diverged import first_batch_not_finite
from tests.training.photos import make_photos


def test_a_validation_loss_that_is_not_finite_is_told_before_anything_is_saved(tmp_path: Path) -> None:
    """One step an epoch: the next training loss, which would show it, comes only after the validation."""
    photos = make_photos(tmp_path / "photos", each=20)
    settings = Settings(epochs=1, lr=1e30, warmup=0, batch_size=32, device="cpu")
    with pytest.raises(Diverged, match=r"after step 1, in epoch 1: .* not finite.*: '.*'.*Nothing was saved"):
        train(photos, settings, run=tmp_path / "run")
    run = tmp_path / "run"
    assert not (run / "model.safetensors").exists()
    said = [row.text for row in read_rows(run / "metrics.jsonl") if isinstance(row, EventRow)]
    assert said[-1].startswith("training stopped after step 1")
    (saved,) = checkpoints(run / "checkpoints")
    assert saved.name == "step-000000.safetensors"
    tensors, _ = read_checkpoint(saved)
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_an_accuracy_that_stays_the_same_is_not_better(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos")
    settings = Settings(epochs=30, lr=1e-12, patience=2, batch_size=8, device="cpu")
    run, _ = train(photos, settings, run=tmp_path / "run")
    rows = read_rows(run.metrics)
    accuracies = [row.val_accuracy for row in rows if isinstance(row, EpochRow)]
    assert len(set(accuracies)) == 1
    assert len(accuracies) == 3
    assert isinstance(rows[-1], EventRow) and "stopped early after epoch 3 of 30" in rows[-1].text


def test_the_first_batch_that_shows_it_names_the_layer() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(1, 1))
    nn.init.constant_(net[1].weight, 1e30)
    batches = [torch.ones(1, 1), torch.full((1, 1), 1e30)]
    assert first_batch_not_finite(net, batches) == "'1' (Linear): what it gives is not finite"
    assert first_batch_not_finite(net, batches[:1]) == "no layer: the loss itself"
