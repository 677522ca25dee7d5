"""The derivative along a line is the limit of differences, and noise has the autocorrelation that it must."""

import pytest
import torch
from torch import nn

from residua.look import autocorrelation, brown_noise, line_gradients, white_noise
from tests.look.models import traces


def network(*, norm: bool) -> nn.Module:
    torch.manual_seed(0)
    middle = nn.BatchNorm1d(8) if norm else nn.Identity()
    return nn.Sequential(nn.Linear(3, 8), middle, nn.Tanh(), nn.Linear(8, 1)).double()


def along(model: nn.Module, positions: torch.Tensor) -> torch.Tensor:
    start, direction = torch.ones(3).double(), torch.tensor([1.0, 0.5, -1.0]).double()
    return line_gradients(model, positions, start=start, direction=direction)


def test_it_is_the_limit_of_differences() -> None:
    model, step = network(norm=False), 1e-6
    positions = torch.linspace(-1, 1, 9).double()
    start, direction = torch.ones(3).double(), torch.tensor([1.0, 0.5, -1.0]).double()
    with torch.no_grad():
        ahead = model(start + (positions + step)[:, None] * direction)
        behind = model(start + (positions - step)[:, None] * direction)
    assert torch.allclose(along(model, positions), ((ahead - behind) / (2 * step)).squeeze(1), atol=1e-6)


def test_a_batch_norm_uses_the_line_as_a_constant() -> None:
    model, positions = network(norm=True), torch.linspace(-1, 1, 9).double()
    before = traces(model)
    gradient = along(model, positions)
    assert traces(model) == before
    line = torch.ones(3).double() + positions[:, None] * torch.tensor([1.0, 0.5, -1.0]).double()
    fixed = network(norm=True)
    hidden = fixed[0](line)
    fixed[1].running_mean, fixed[1].running_var = hidden.mean(0).detach(), hidden.var(0).detach()
    assert torch.allclose(gradient, along(fixed.eval(), positions))


def test_an_error_on_the_way_leaves_the_norms_alone() -> None:
    model = nn.Sequential(network(norm=True), nn.Linear(5, 5))
    before = traces(model)
    momenta = [m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm1d)]
    with pytest.raises(RuntimeError):
        along(model, torch.linspace(-1, 1, 9).double())
    assert traces(model) == before
    assert [m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm1d)] == momenta


def test_the_autocorrelation_is_that_of_the_definition() -> None:
    curve = torch.tensor([1.0, 4.0, 2.0, 5.0, 3.0])
    away = [value - 3 for value in curve.tolist()]
    square = sum(value * value for value in away)
    expected = [sum(a * b for a, b in zip(away, away[k:], strict=False)) / square for k in range(4)]
    assert autocorrelation(curve, 3).tolist() == pytest.approx(expected)


def test_white_noise_forgets_at_once() -> None:
    found = autocorrelation(white_noise(400, 256, torch.Generator().manual_seed(0)), 10).mean(0)
    assert found[0] == 1
    # Removing the mean of n points leaves -1/n at every lag.
    assert found[1:].tolist() == pytest.approx([-1 / 256] * 10, abs=0.01)


def test_brown_noise_remembers() -> None:
    found = autocorrelation(brown_noise(400, 256, torch.Generator().manual_seed(0)), 10).mean(0)
    assert found[1] > 0.95
    assert found[10] > 0.7
    assert (found.diff() < 0).all()
