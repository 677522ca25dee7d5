"""The fast recipe on real digits: it learns in few epochs, sees them small first, and goes on as if never stopped."""

from pathlib import Path

import pytest
import torch

from residua.data import Preprocess, open_source
from residua.errors import BadInput
from residua.nets.build import build
from residua.runs import EpochRow, load_model, read_rows
from residua.training import Settings, train
from residua.training.tasks import Classification, decide


@pytest.fixture(scope="module")
def task() -> Classification:
    source = open_source("digits")
    return Classification(source=source, preprocess=Preprocess.for_source(source))


def test_three_epochs_of_digits_learn(tmp_path: Path) -> None:
    settings = Settings(recipe="fast", epochs=3, device="cpu")
    run, evaluation = train("digits", settings, run=tmp_path / "run", exam=False)
    rows = [row for row in read_rows(run.metrics) if isinstance(row, EpochRow)]
    assert len(rows) == 3
    assert evaluation.scores.top1 > 0.8
    assert load_model(run.folder).name == "resnet8_fast"


def test_the_early_epochs_are_small_and_the_stem_begins_with_the_pictures(task: Classification) -> None:
    recipe, _ = decide(task, Settings(recipe="fast", epochs=3, device="cpu"), "digits")
    sides = [next(task.batches(recipe).epoch(epoch)).images.shape[-1] for epoch in (1, 2, 3)]
    assert sides == [6, 6, 8]
    network = build(task.spec(recipe))
    task.begin(network)
    stem = network.get_parameter("stem.conv.weight")
    directions = stem.shape[1:].numel()  # fewer than half of the channels: digits are grey
    assert torch.equal(stem[:directions], -stem[directions : 2 * directions])


def test_pictures_too_small_for_the_early_epochs_are_refused_with_the_size(task: Classification) -> None:
    recipe, _ = decide(task, Settings(recipe="fast", early_size=0.5, device="cpu"), "digits")
    with pytest.raises(BadInput, match="images of 4 × 4 pixels; this network needs at least 5 × 5"):
        task.spec(recipe)
