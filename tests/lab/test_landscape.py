"""Where the surface is known, the rows say so; the equal-loss twin stops where it should; the checks can fail."""

import json
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from residua.lab import landscape
from residua.lab.fitting import Fit, fit
from residua.lab.landscape import Detail, Landscape, LandscapeRow, Surroundings, positions
from residua.lab.networks import untrained
from residua.lab.samples import samples
from residua.lab.seeds import seeded
from residua.nets.network import Network

TINY = Detail(directions=2, pictures=32, side=5)


@pytest.fixture(autouse=True, scope="module")
def few_points() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landscape, "POINTS", 9)
        yield


@pytest.fixture(scope="module")
def result(few_points: None) -> Landscape:
    """Few blocks, trained for one epoch: this tells nothing but that all of it is made."""
    with pytest.MonkeyPatch.context() as patch:
        # On all cores it would run in processes that know nothing of this.
        patch.setattr(landscape, "on_all_cores", lambda work, tasks, device: [work(task) for task in tasks])
        patch.setattr(landscape, "USUAL", Fit(epochs=1))
        patch.setattr(landscape, "SLOW", Fit(epochs=1, lr=0.01))
        patch.setattr(landscape, "FULL", TINY)
        return landscape.landscape(depths=(14, 8), seeds=2)


def one_layer() -> nn.Module:
    with seeded(0):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def small_network() -> Network:
    return untrained(8, "sum", samples(), seed=0)


def rows(plain: float, residual: float, equal: float) -> tuple[LandscapeRow, ...]:
    heights = {"plain-56": plain, "residual-56": residual, "residual-56 at equal loss": equal}
    return tuple(LandscapeRow(name, 1, 0, height, 0, 1, (), ()) for name, height in heights.items())


def test_one_layer_without_norm_is_convex_and_so_has_one_valley() -> None:
    model = one_layer()
    fit(model, samples().train, Fit(epochs=1), seed=0)
    runs = [landscape.surroundings(model, samples().batch(64), TINY, seed=seed) for seed in range(3)]
    row = landscape.summary("one layer", runs)
    assert row.roughness == pytest.approx(1, abs=1e-6)
    assert row.deviation == pytest.approx(0, abs=1e-6)
    assert row.minima <= 1


def test_a_surface_has_two_of_the_slices_in_it() -> None:
    around = landscape.surroundings(small_network(), samples().batch(32), TINY, seed=0)
    middle, every = TINY.side // 2, (landscape.POINTS - 1) // (TINY.side - 1)
    assert around.surface[middle] == pytest.approx(around.slices[0][::every], rel=1e-5)
    assert [row[middle] for row in around.surface] == pytest.approx(around.slices[1][::every], rel=1e-5)


def test_the_loss_of_the_network_is_that_of_training_mode() -> None:
    model = small_network()
    pictures, labels = batch = samples().batch(32)
    loss = landscape.loss_of(model.eval(), batch)
    assert not model.training
    assert loss == pytest.approx(F.cross_entropy(model.train()(pictures), labels).item(), rel=1e-6)
    assert landscape.surroundings(model, batch, TINY, seed=0).loss == pytest.approx(loss, rel=1e-6)


def test_at_equal_loss_means_the_epoch_that_ended_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landscape, "SLOW", Fit(epochs=3, lr=0.01))
    train, batch = samples().train, samples().batch(32)
    ends: list[float] = []
    model = one_layer()
    fit(model, train, landscape.SLOW, seed=0, after=lambda _: ends.append(landscape.loss_of(model, batch)))
    assert len(set(ends)) == 3
    for end in ends:
        again = one_layer()
        landscape.fit_to(end + 1e-4, again, train, batch, seed=0)
        assert landscape.loss_of(again, batch) == end


def test_means_are_over_directions_and_seeds() -> None:
    valley, hills = (3.0, 0.0, 3.0), (3.0, 0.0, 3.0, 0.0, 3.0)
    long = [losses + (3.0,) * (landscape.POINTS - len(losses)) for losses in (valley, hills)]
    row = landscape.summary(
        "some", [Surroundings((long[0], long[1]), ()), Surroundings((long[1], long[1]), ())]
    )
    assert row.roughness == pytest.approx((1.5 + 2) / 2)
    assert row.deviation == pytest.approx(0.5 / 2**0.5)
    assert row.minima == (1 + 2 + 2 + 2) / 4
    assert (row.loss, row.loss_deviation) == (3, 0)


@pytest.mark.parametrize(
    ("measured", "apart", "held"),
    [
        ((1.2, 1.05, 1.05), 0.2, [True, True, True, True]),
        ((1.19, 1.0, 1.0), 0.0, [False, True, True, True]),
        ((1.5, 1.06, 1.0), 0.0, [True, False, True, True]),
        ((1.5, 1.0, 1.06), 0.0, [True, True, False, True]),
        ((1.5, 1.0, 1.0), 0.3, [True, True, True, False]),
    ],
)
def test_each_number_is_asked_for(
    measured: tuple[float, float, float], apart: float, held: list[bool]
) -> None:
    result = Landscape(rows(*measured), loss_apart=apart, seeds=3)
    assert [check.holds for check in result.checks] == held
    assert result.holds == all(held)


def test_every_network_has_its_row(result: Landscape) -> None:
    names = ["plain-8", "plain-14", "residual-14", "residual-14 at equal loss"]
    assert [row.network for row in result.rows] == names
    assert [line[0] for line in result.table().lines] == names
    assert [len(row.surface) for row in result.rows] == [0, 5, 5, 5]
    assert all(len(row.slices) == 2 and len(row.slices[0]) == landscape.POINTS for row in result.rows)
    answer = json.loads(result.json())
    assert [row["network"] for row in answer["rows"]] == names
    assert "plain-8 has" in answer["verdict"]


def test_the_surfaces_are_drawn_at_one_scale(result: Landscape) -> None:
    axes = result.plot().axes
    assert [axis.get_title(loc="left") for axis in axes[:4]] == [
        "Along lines: many minima or one",
        "plain-14: rough",
        "residual-14, same loss: smooth",
        "residual-14, trained: smooth",
    ]
    scales = {
        drawn.get_clim()
        for axis in axes[1:4]
        for drawn in axis.collections
        if drawn.get_cmap().name == "viridis"
    }
    assert len(scales) == 1


def test_places_are_even_and_the_middle_is_the_network() -> None:
    assert positions(landscape.POINTS)[landscape.POINTS // 2] == 0
    assert torch.tensor(positions(5)).diff().tolist() == [0.5] * 4
