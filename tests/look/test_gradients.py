"""Gradient norms are those of autograd; coherence is 1 where the loss is a bowl and 0 where it is gravel."""

import pytest
import torch
from torch import Tensor, nn

from residua.look import coherence, gradient_norms, identity_share
from residua.parts import Join, Sum
from tests.look.models import batch, small


def mean(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs * targets).mean()


def test_the_norms_are_those_of_autograd() -> None:
    torch.manual_seed(0)
    first, second = nn.Linear(3, 4), nn.Linear(4, 2)
    x, targets = torch.randn(5, 3), torch.randn(5, 2)
    rows = gradient_norms(nn.Sequential(first, nn.ReLU(), second), (x, targets), loss=mean)

    hidden = first(x)
    hidden.retain_grad()
    mean(second(hidden.relu()), targets).backward()
    assert [row.name for row in rows] == ["0", "1", "2"]
    assert rows[0].norm == pytest.approx(hidden.grad.norm().item())
    assert rows[0].second_moment == pytest.approx(hidden.grad.square().mean().item())
    assert rows[1].parameters is None
    both = torch.cat([first.weight.grad.flatten(), first.bias.grad])
    assert rows[0].parameters == pytest.approx(both.norm().item())


def test_a_layer_that_writes_in_place_changes_nothing() -> None:
    torch.manual_seed(0)
    first, second = nn.Linear(3, 4), nn.Linear(4, 2)
    examples = torch.randn(5, 3), torch.randn(5, 2)
    ordinary = gradient_norms(nn.Sequential(first, nn.ReLU(), second), examples, loss=mean)
    in_place = gradient_norms(nn.Sequential(first, nn.ReLU(inplace=True), second), examples, loss=mean)
    assert in_place == ordinary


def test_only_the_joins() -> None:
    rows = gradient_norms(small(), batch(), only=Join)
    assert [row.kind for row in rows] == ["Sum"] * 3


def test_frozen_weights_are_measured_too() -> None:
    model = small()
    model.requires_grad_(False)
    assert gradient_norms(model, batch()) == gradient_norms(small(), batch())


def test_a_bowl_is_coherent() -> None:
    model = nn.Linear(3, 2)
    found = coherence(model, batch_of_bowl(), loss=lambda y, t: (y - t).square().mean())
    assert found.cosine == pytest.approx(1, abs=1e-5)
    assert [name for name, _ in found.tensors] == ["weight", "bias"]


def test_gravel_is_not() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    found = coherence(model, batch_of_bowl(), loss=lambda y, t: torch.sin(1e5 * y).mean())
    assert abs(found.cosine) < 0.9


def test_no_gradient_has_no_direction() -> None:
    assert coherence(nn.Linear(3, 2), batch_of_bowl(), loss=lambda y, t: 0 * y.sum()).cosine == 0


def batch_of_bowl() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 3, generator=generator), torch.randn(8, 2, generator=generator)


def test_the_legs_share_the_gradient() -> None:
    torch.manual_seed(0)
    branch = nn.Linear(3, 3, bias=False)
    branch.weight.data.copy_(3 * torch.eye(3))
    (row,) = identity_share(nn.Sequential(Sum(branch)), (torch.ones(1, 3), torch.ones(1, 3)), loss=mean)
    assert row.by_shortcut == pytest.approx(1 / 4)
    assert row.direct == pytest.approx(1 / 4)
    assert row.norm == pytest.approx(4 * torch.full((3,), 1 / 3).norm().item())


def test_by_shortcuts_alone_falls_from_join_to_join() -> None:
    joins = [Sum(nn.Linear(3, 3, bias=False)) for _ in range(3)]
    for join in joins:
        join.branch.weight.data.copy_(torch.eye(3))
    rows = identity_share(nn.Sequential(*joins), (torch.ones(1, 3), torch.ones(1, 3)), loss=mean)
    assert [row.direct for row in rows] == pytest.approx([1 / 8, 1 / 4, 1 / 2])
    assert [row.by_shortcut for row in rows] == pytest.approx([1 / 2] * 3)
