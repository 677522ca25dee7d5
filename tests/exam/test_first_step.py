"""What one step takes off the loss, beside steps taken by hand."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from residua.exam.first_step import LENGTHS, SMALLEST, first_step, losses
from residua.exam.trial import blinded, learned
from residua.look import Examples


def examples() -> Examples:
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(24) % 3
    return torch.randn(24, 5, generator=generator) + 2 * torch.eye(5)[targets], targets


def network() -> nn.Module:
    """Return a network whose first answers are nearly alike, so that any step in the right direction shows."""
    torch.manual_seed(0)
    head = nn.Linear(8, 3)
    nn.init.normal_(head.weight, std=1e-3)
    nn.init.zeros_(head.bias)
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), head)


def slopes(model: nn.Module) -> dict[str, Tensor | None]:
    inputs, targets = examples()
    found = torch.autograd.grad(cross_entropy(model(inputs), targets), list(model.parameters()))
    return dict(zip((name for name, _ in model.named_parameters()), found, strict=True))


def taken(model: nn.Module, gradients: dict[str, Tensor | None]) -> float:
    before = losses(model, examples(), cross_entropy)
    return first_step(model, examples(), loss=cross_entropy, gradients=gradients, before=before)


def by_hand(model: nn.Module, gradients: dict[str, Tensor], length: float, *, signs: bool) -> float:
    """Take the step on a copy, as a loop would."""
    moved = copy.deepcopy(model)
    whole = torch.cat([p.detach().flatten() for p in model.parameters()]).norm()
    slope = torch.cat([g.flatten() for g in gradients.values()]).norm()
    with torch.no_grad():
        for name, weight in moved.named_parameters():
            size = max(SMALLEST, weight.square().mean().sqrt().item())
            weight.sub_(
                length * (gradients[name].sign() * size if signs else gradients[name] * whole / slope)
            )
    inputs, targets = examples()
    values = [
        (
            cross_entropy(out, targets).item(),
            min(cross_entropy(same, targets).item() for same in blinded(out)),
        )
        for out in (model(inputs).detach(), moved(inputs).detach())
    ]
    (first, first_blind), (last, last_blind) = values
    return learned((first, last), (first_blind, last_blind))


def test_it_is_the_best_of_four_steps_taken_by_hand() -> None:
    model = network()
    gradients = slopes(model)
    known = {name: gradient for name, gradient in gradients.items() if gradient is not None}
    each = [by_hand(model, known, length, signs=signs) for length in LENGTHS for signs in (False, True)]
    assert len({share for share in each if share}) > 1
    assert taken(model, gradients) == pytest.approx(max(each), rel=1e-4)


def test_the_model_and_its_running_statistics_stay() -> None:
    model = network()
    gradients = slopes(model)
    before = copy.deepcopy(model.state_dict())
    taken(model, gradients)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_network_that_looks_at_nothing_learns_nothing_in_a_step() -> None:
    """It may learn how frequent the classes are, which takes something off its loss."""

    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.tensor([3.0, 0.0, 0.0]))

        def forward(self, x: Tensor) -> Tensor:
            return self.bias.expand(len(x), 3)

    model = Blind()
    assert taken(model, slopes(model)) == 0


def test_what_is_frozen_does_not_move() -> None:
    model = network()
    assert taken(model, dict.fromkeys(slopes(model))) == 0
    gradients = slopes(model)
    head_alone = {name: gradient if name.startswith("3") else None for name, gradient in gradients.items()}
    assert 0 < taken(model, head_alone) != taken(model, gradients)


def test_a_gradient_that_is_no_number_is_no_step() -> None:
    model = network()
    broken = {name: torch.full_like(p, torch.nan) for name, p in model.named_parameters()}
    assert taken(model, dict(broken)) == 0
