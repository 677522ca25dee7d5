"""What one step learns, beside steps taken by hand."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from residua.exam.first_step import LENGTHS, SMALLEST, first_step
from residua.exam.level import Level
from residua.exam.observation import FirstStep
from residua.look import Examples


def idle(found: FirstStep) -> bool:
    return found.saves == found.could_save == 0


OFTEN = torch.tensor([0] * 14 + [1] * 6 + [2] * 4)
"""Of three classes one is frequent."""


def examples() -> Examples:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(24, 5, generator=generator) + 2 * torch.eye(5)[OFTEN], OFTEN


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def taken(model: nn.Module) -> FirstStep:
    return first_step(model, examples(), loss=cross_entropy)


def by_hand(model: nn.Module, length: float) -> tuple[float, float]:
    """Take the step on a copy, as a loop would; return what its answers save, and could."""
    moved, (inputs, targets) = copy.deepcopy(model), examples()
    before = moved(inputs)
    level = Level(before, targets, cross_entropy)
    frequent = (torch.bincount(targets) / len(targets)).log()
    cross_entropy(before - before.detach().mean(0) + frequent, targets).backward()
    with torch.no_grad():
        for weight in moved.parameters():
            assert weight.grad is not None
            size = max(SMALLEST, weight.square().mean().sqrt().item())
            weight.sub_(length * size * weight.grad.sign())
        after = moved(inputs)
    return level.saved(after), max(level.could_be_saved(after), level.could_be_saved(after - before.detach()))


def test_it_is_the_better_of_two_steps_taken_by_hand() -> None:
    model = network()
    saved, could_be_saved = zip(*(by_hand(model, length) for length in LENGTHS), strict=True)
    found = taken(model)
    assert len(set(could_be_saved)) == len(LENGTHS)
    assert found.saves == pytest.approx(max(saved), rel=1e-3)
    assert found.could_save == pytest.approx(max(could_be_saved), rel=1e-3)
    assert found.could_save > 0.01


def test_where_the_first_answers_lie_does_not_matter() -> None:
    """Most of a first gradient would bring the mean of the answers to where it costs least."""
    model, moved = network(), network()
    with torch.no_grad():
        moved[-1].bias.copy_(model[-1].bias + torch.tensor([-4.0, 4.0, 0.0]))
    assert taken(moved).could_save == pytest.approx(taken(model).could_save, rel=0.05)
    assert taken(moved).saves == 0


def test_the_model_and_its_running_statistics_stay() -> None:
    model = network()
    before = copy.deepcopy(model.state_dict())
    taken(model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_network_that_looks_at_nothing_learns_nothing_in_a_step() -> None:
    """It may learn how frequent the classes are, which takes something off its loss."""

    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.tensor([3.0, 0.0, 0.0]))

        def forward(self, x: Tensor) -> Tensor:
            return self.bias.expand(len(x), 3)

    found = taken(Blind())
    assert found.saves == 0
    assert found.could_save == pytest.approx(0, abs=1e-6)


def test_what_is_frozen_does_not_move() -> None:
    whole, head_alone = network(), network()
    head_alone[:3].requires_grad_(False)
    assert 0 < taken(head_alone).could_save != taken(whole).could_save
    assert idle(taken(network().requires_grad_(False)))


def test_a_gradient_that_is_no_number_is_no_step() -> None:
    class Broken(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * torch.nan

    assert idle(taken(Broken(5, 3)))


def test_a_loss_that_reaches_no_weight_is_no_step() -> None:
    class Detached(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).detach()

    assert idle(taken(Detached(5, 3)))
