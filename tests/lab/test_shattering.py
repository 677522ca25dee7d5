"""What theory fixes of shattered gradients, on small networks, and the verdict that follows from the numbers."""

from statistics import fmean

import pytest
import torch
from torch import nn

from residua.lab import shattering, theory
from residua.lab.fully_connected import Centred
from residua.lab.shattering import LawRow, LineRow
from residua.look import gradient_correlation, switching


@pytest.mark.parametrize("law", shattering.LAWS)
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_independent_inputs_follow_the_law(law: str, depth: int) -> None:
    row = shattering.correlated(law, depth, seeds=5, device="cpu")
    assert row.correlation == pytest.approx(row.expected, abs=0.05)


def test_the_laws_begin_alike_and_part() -> None:
    assert theory.gradients_of_plain(1) == 0.5
    assert theory.gradients_of_residual(1) == theory.gradients_of_normed(1) == 0.75
    assert theory.gradients_of_plain(8) < theory.gradients_of_residual(8) < theory.gradients_of_normed(8)
    assert theory.gradients_of_normed(50, beta=0.1) > 0.7


def test_what_is_centred_lets_no_gradient_through_its_mean() -> None:
    x = torch.tensor([[1.0], [3.0]], requires_grad=True)
    Centred()(x)[0].sum().backward()
    assert x.grad.tolist() == [[1], [0]]


def test_without_centring_no_unit_of_the_notebook_switches() -> None:
    row = shattering.measured("notebook 24", seeds=2, device="cpu")
    assert row.switching is not None
    assert row.switching < 0.02
    assert row.autocorrelation[1] > 0.9


def test_noise_is_where_theory_puts_it() -> None:
    rows = {row.network: row for row in shattering.shattering(seeds=1, quick=True).rows}
    assert rows["white noise"].autocorrelation[1] == pytest.approx(-1 / 256, abs=0.02)
    assert rows["brown noise"].autocorrelation[1] > 0.95


def test_the_cosine_of_gradients_is_that_of_all_pairs() -> None:
    torch.manual_seed(0)
    model, inputs = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)), torch.randn(5, 4)
    leaves = [x[None].clone().requires_grad_() for x in inputs]
    gradients = [torch.autograd.grad(model(leaf).sum(), leaf)[0].flatten() for leaf in leaves]
    pairs = [(a, b) for i, a in enumerate(gradients) for j, b in enumerate(gradients) if i != j]
    expected = fmean(torch.cosine_similarity(a, b, dim=0).item() for a, b in pairs)
    assert gradient_correlation(model, inputs) == pytest.approx(expected, abs=1e-6)


def test_a_unit_that_is_always_on_does_not_switch() -> None:
    inputs = torch.tensor([[1.0, -1.0, 1.0], [2.0, -2.0, -1.0]])
    assert switching(nn.Sequential(nn.Identity(), nn.ReLU()), inputs)[0].share == pytest.approx(1 / 3)


def test_a_net_that_does_not_shatter_is_found_out() -> None:
    line = LineRow("", (1.0,) + (0.9,) * 15, 0, 1.0, (0.0, 1.0))
    rows = tuple(
        LineRow(name, line.autocorrelation, 0, 0.0 if name == "notebook 24" else 1.0, line.example)
        for name in shattering.QUICK
    )
    laws = tuple(LawRow(law, 1, 0.5, 0, 0.5) for law in shattering.LAWS)
    result = shattering.Shattering(rows, laws, 1)
    assert not result.holds
    assert "plain 24, centred: size of lag 1 is 0.9 and must be at most 0.1" in result.verdict
