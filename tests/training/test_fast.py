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


def digits(side: int) -> Classification:
    source = open_source("digits")
    return Classification(source=source, preprocess=Preprocess.for_source(source, side))


def test_three_epochs_of_digits_learn(tmp_path: Path) -> None:
    settings = Settings(recipe="fast", epochs=3, device="cpu")
    run, evaluation = train("digits", settings, run=tmp_path / "run", exam=False)
    rows = [row for row in read_rows(run.metrics) if isinstance(row, EpochRow)]
    assert len(rows) == 3
    assert evaluation.scores.top1 > 0.8
    assert load_model(run.folder).name == "resnet8_fast"


@pytest.mark.parametrize(("share", "sides"), [(0.5, [8, 8, 16]), (0.75, [12, 12, 16]), (0.1, [8, 8, 16])])
def test_the_early_epochs_are_small_but_not_below_eight_pixels(share: float, sides: list[int]) -> None:
    task = digits(16)
    settings = Settings(recipe="fast", epochs=3, early_size=share, device="cpu")
    recipe, _ = decide(task, settings, "digits")
    seen = [next(task.batches(recipe).epoch(epoch)).images.shape[-1] for epoch in (1, 2, 3)]
    assert seen == sides


def test_the_stem_begins_with_the_directions_of_the_pictures() -> None:
    task = digits(8)
    recipe, _ = decide(task, Settings(recipe="fast", device="cpu"), "digits")
    network = build(task.spec(recipe))
    task.begin(network)
    stem = network.get_parameter("stem.conv.weight")
    directions = stem.shape[1:].numel()  # fewer than half of the channels: digits are grey
    assert torch.equal(stem[:directions], -stem[directions : 2 * directions])


def test_a_network_that_cannot_take_the_early_size_is_refused() -> None:
    task = digits(20)
    recipe, _ = decide(task, Settings(model="resnet18", early_size=0.5, device="cpu"), "digits")
    with pytest.raises(BadInput, match="images of 10 × 10 pixels; this network needs at least 17 × 17"):
        task.spec(recipe)
