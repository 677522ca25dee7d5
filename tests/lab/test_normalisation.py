"""The steps of a batch norm and the noise of a batch are those of arithmetic; the search finds the last good rate."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
import torch
from torch import nn

from residua.lab import norm_trainings, normalisation
from residua.lab.batch_statistics import noise, own_statistics, refused, scatter, steps
from residua.lab.fitting import Fit
from residua.lab.norm_trainings import Training, largest, search
from tests.look.models import batch, small, traces


def one_norm(channels: int = 3) -> nn.Sequential:
    """Return a batch norm whose scale and shift have learned something."""
    norm = nn.BatchNorm2d(channels, eps=0.01)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return nn.Sequential(norm)


def pictures(count: int) -> torch.Tensor:
    """Return pictures whose own means differ, as real ones do, in channels of different size."""
    sizes = torch.tensor([0.1, 1.0, 10.0])[:, None, None]
    return sizes * (torch.randn(count, 3, 4, 4) + torch.randn(count, 3, 1, 1) + 2)


def test_the_steps_are_those_of_the_definition() -> None:
    model, images = one_norm(), pictures(50)
    before, centred, divided, with_eps, learned = steps(model, images)
    variances = images.var((0, 2, 3), correction=0)
    assert before.means == pytest.approx(images.mean((0, 2, 3)).tolist(), rel=1e-5)
    assert centred.means == pytest.approx([0, 0, 0], abs=1e-5)
    assert centred.deviations == pytest.approx(before.deviations, rel=1e-5)
    assert divided.means == pytest.approx([0, 0, 0], abs=1e-5)
    assert divided.deviations == pytest.approx([1, 1, 1], abs=1e-5)
    assert with_eps.deviations == pytest.approx((variances / (variances + 0.01)).sqrt().tolist(), rel=1e-5)
    scale = model[0].get_parameter("weight").detach().abs() * torch.tensor(with_eps.deviations)
    assert learned.deviations == pytest.approx(scale.tolist(), rel=1e-5)
    assert learned.means == pytest.approx(model[0].get_parameter("bias").tolist(), rel=1e-4)


def test_every_norm_has_its_steps_and_the_model_is_as_it_was() -> None:
    model = small()
    before = traces(model)
    rows = steps(model, batch(32)[0])
    assert traces(model) == before
    assert [row.layer for row in rows[::5]][:2] == ["stem.norm", "stage1.0.sum.branch.norm1"]
    assert all(abs(mean) < 1e-5 for row in rows if row.step == "divided" for mean in row.means)


def test_the_noise_of_the_mean_is_that_of_all_batches_there_are() -> None:
    images = pictures(7)
    row = next(noise(one_norm(), images, [3], draws=2, generator=torch.Generator()))
    norm = nn.BatchNorm2d(3, momentum=1.0)
    seen = []
    for chosen in combinations(range(7), 3):
        norm(images[list(chosen)])
        seen.append(norm.get_buffer("running_mean").clone())
    relative = torch.stack(seen) / images.var((0, 2, 3), correction=0).sqrt()
    assert row.expected_mean == pytest.approx(scatter(relative), rel=1e-4)


def test_random_batches_scatter_as_theory_says() -> None:
    generator = torch.Generator().manual_seed(0)
    for row in noise(one_norm(), pictures(200), [16, 64, 150], draws=4000, generator=generator):
        assert row.mean == pytest.approx(row.expected_mean, rel=0.03)
        assert row.variance == pytest.approx(row.expected_variance, rel=0.05)


def test_all_pictures_together_have_no_noise() -> None:
    row = next(noise(one_norm(), pictures(9), [9], draws=5, generator=torch.Generator()))
    assert row.expected_mean == 0
    assert row.mean == pytest.approx(0, abs=1e-9)


def test_the_pixels_of_a_picture_count_for_as_many_as_are_independent() -> None:
    generator = torch.Generator().manual_seed(0)
    apart = torch.randn(4000, 1, 4, 4, generator=generator)
    alike = torch.randn(4000, 1, 1, 1, generator=generator).expand(-1, -1, 4, 4)
    for images, independent in ((apart, 16), (alike, 1)):
        means, _ = own_statistics(one_norm(1), images)
        assert scatter(means) == pytest.approx(1 / math.sqrt(independent), rel=0.05)


def test_a_single_value_is_refused() -> None:
    assert "more than 1 value per channel" in refused()


def limited(batch_limit: float, none_limit: float) -> Callable[[Training], tuple[float, float]]:
    """Return a training that learns everything up to a limit of the rate and nothing above it."""

    def trained(task: Training) -> tuple[float, float]:
        limit = none_limit if task.norm == "none" else batch_limit
        return (0.0, 2.0) if task.how.lr <= limit else (90.0, 90.0)

    return trained


@pytest.mark.parametrize(("limit", "tried"), [(0.3, [0.125, 0.25, 0.5]), (0.04, [1 / 32, 0.0625, 0.125])])
def test_the_search_goes_up_or_down(
    limit: float, tried: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(norm_trainings, "trained", limited(limit, limit))
    rows = search(Training(depth=8, seed=0, how=Fit(lr=0.125), data="digits", device="cpu"))
    assert [row.rate for row in rows] == tried
    assert largest(rows, "batch") == max(rate for rate in tried if rate <= limit)


def test_the_mean_rate_is_that_of_the_logarithms() -> None:
    rows = [norm_trainings.RateRow("none", seed, rate, 0.0, True) for seed, rate in enumerate((0.25, 1.0))]
    assert largest(rows, "none") == pytest.approx(0.5)
    rows.append(norm_trainings.RateRow("none", 2, 0.125, 90.0, False))
    assert math.isnan(largest(rows, "none"))


def one_by_one(work: Callable[[Any], Any], tasks: Iterable[Any], *, device: str) -> list[Any]:
    return [work(task) for task in tasks]


@pytest.fixture(scope="module")
def result() -> normalisation.Normalisation:
    """The claim with real norms and costs, and trainings that are made up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(norm_trainings, "trained", limited(1.0, 0.1))
        patch.setattr(norm_trainings, "on_all_cores", one_by_one)
        patch.setattr(normalisation, "DEPTH", 8)
        return normalisation.normalisation(quick=True)


def test_the_claim_has_its_parts(result: normalisation.Normalisation) -> None:
    assert result.gain == pytest.approx(16)
    assert result.off("divided") < 1e-5
    assert result.holds
    assert "trains at rates up to 1 with batch norm and 0.062 without, 16 times" in result.verdict
    assert len(result.plot().axes) == 6
    assert json.loads(result.json())["orders"][4]["published"] == 6.37
    assert result.table().lines[0] == ("largest rate that trains: batch norm", "1", "")


def test_a_batch_norm_keeps_as_much_again_as_the_convolution_before_it(
    result: normalisation.Normalisation,
) -> None:
    assert result.cost("batch").kept / result.cost("none").kept == pytest.approx(2, rel=0.1)


def test_rates_that_are_alike_are_found_out(result: normalisation.Normalisation) -> None:
    alike = replace(result, rows=tuple(replace(row, norm="none") for row in result.rows) + result.rows)
    assert not alike.holds
    assert "largest rate, batch norm over none is 1 and must be at least 5" in alike.verdict
