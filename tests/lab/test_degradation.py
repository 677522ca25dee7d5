"""Curves become rows with their means, and the checks are those of the depths and the pictures."""

import json

import numpy as np
import pytest
from PIL import Image

from residua.lab import degradation
from residua.lab.degradation import Curve, Degradation, by_epoch


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of two classes that differ in brightness alone."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for split, count in (("train", 128), ("test", 8)):
        for name, level in (("dark", 40), ("light", 200)):
            (folder / split / name).mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(level - 30, level + 30, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{index}.png")
    return str(folder)


@pytest.fixture(scope="module")
def result(tiny: str) -> Degradation:
    return degradation.degradation(depths=(14, 8), seeds=1, data=tiny)


def test_every_epoch_of_every_network_has_a_row(result: Degradation) -> None:
    assert result.depths == (8, 14)
    assert {(row.join, row.depth, row.epoch) for row in result.rows} == {
        (join, depth, epoch) for join in ("none", "sum") for depth in (8, 14) for epoch in range(1, 31)
    }
    assert result.trained("sum", 8).train_error == 0
    assert result.trained("sum", 8).test_error == 0


def test_coherence_is_measured_before_training_and_falls_with_depth(result: Degradation) -> None:
    assert [(row.join, row.depth) for row in result.coherence] == [
        ("none", 8),
        ("none", 14),
        ("sum", 8),
        ("sum", 14),
    ]
    assert result.coherent("none", 8) > result.coherent("none", 14)


def test_shallow_networks_do_not_show_it(result: Degradation) -> None:
    """Other pictures than the digits are only asked for what the claim says: deeper plain networks are worse."""
    rise = result.checks[0]
    assert rise.quantity == "plain-14 over plain-8: train error, points"
    assert rise.at_least == 1
    assert not result.holds
    assert json.loads(result.json())["rows"][0]["epoch"] == 1
    assert [line[0] for line in result.table().lines] == ["plain-8", "plain-14", "residual-8", "residual-14"]


def test_a_network_that_gave_up_keeps_its_last_error() -> None:
    rows = list(by_epoch("none", 20, [Curve((50.0, 10.0), (60.0, 20.0)), Curve((90.0,), (90.0,))]))
    assert [(row.epoch, row.train_error, row.test_error) for row in rows] == [(1, 70, 75), (2, 50, 55)]


def test_it_is_drawn(result: Degradation) -> None:
    assert [axis.get_title(loc="left") for axis in result.plot().axes] == [
        "Deep plain nets do not learn",
        "Shortcuts mend it",
        "The gradient loses its meaning",
    ]
