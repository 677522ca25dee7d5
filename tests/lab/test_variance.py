"""The sizes that theory fixes come out of small networks, and out of theory's own recursion."""

import math

import pytest
import torch

from residua.lab import theory, variance
from residua.lab.variance import VarianceRow


def expected(*, side: int = 1, circular: bool = False, norm: bool = False) -> list[float]:
    taps = theory.shifts(side, kernel=1 if side == 1 else 3, circular=circular)
    return [row.second_moment for row in theory.adds(6, taps=taps, norm=norm)]


def test_without_norm_theory_doubles() -> None:
    assert expected() == pytest.approx([2**k for k in range(7)])
    assert expected(side=8, circular=True) == pytest.approx([2**k for k in range(7)], rel=1e-4)


def test_with_norm_theory_adds_one() -> None:
    assert expected(norm=True) == pytest.approx(range(1, 8))
    assert expected(side=8, circular=True, norm=True) == pytest.approx(range(1, 8), rel=1e-4)


def test_zero_padding_loses_the_taps_that_fall_outside() -> None:
    assert expected(side=8)[1] == pytest.approx(1 + (22 / 24) ** 2)


def test_the_batch_variance_of_the_first_add() -> None:
    taps = theory.shifts(1, kernel=1, circular=False)
    assert theory.adds(1, taps=taps, norm=False)[1].unit_variance == pytest.approx(2 - 1 / math.pi)
    steps = [row.unit_variance for row in theory.adds(5, taps=taps, norm=True)]
    assert steps == pytest.approx([1 + k * (1 - 1 / math.pi) for k in range(6)])


def test_the_kernel_of_relu_is_what_sampling_gives() -> None:
    generator = torch.Generator().manual_seed(0)
    correlation = 0.6
    one, noise = torch.randn(2, 400_000, generator=generator)
    other = correlation * one + math.sqrt(1 - correlation**2) * noise
    sampled = (one.relu() * other.relu()).mean() / one.relu().square().mean()
    assert theory.correlation_after_relu(torch.tensor(correlation)).item() == pytest.approx(
        sampled.item(), rel=0.01
    )


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("layer", ["linear", "circular", "zeros"])
def test_small_networks_follow_theory(
    layer: variance.Layer, norm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"WIDTH": 256, "CHANNELS": 64, "SAMPLES": 64, "ADDS": 2}.items():
        monkeypatch.setattr(variance, name, value)
    rows = list(variance.measured(layer, norm=norm, seeds=6, device="cpu"))
    for row in rows:
        assert row.second_moment == pytest.approx(row.expected_second_moment, rel=0.05)
        assert row.unit_variance == pytest.approx(row.expected_unit_variance, rel=0.05)


def test_a_network_that_does_not_double_is_found_out() -> None:
    layers = [(layer, norm) for layer in variance.NAMES for norm in (False, True)]
    rows = tuple(
        VarianceRow(layer, norm, adds, 1.5**adds, 0, 2.0**adds, 1.5**adds, 0, 2.0**adds)
        for layer, norm in layers
        for adds in range(7)
    )
    result = variance.Variance(rows, seeds=1)
    assert not result.holds
    assert result.verdict.startswith("does not hold: after 6 adds the second moment is 11.4")
