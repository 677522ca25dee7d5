"""Blocks are taken out and moved, one set at a time."""

import pytest
import torch
from torch import nn

from residua.errors import UnknownName
from residua.look import Bypassed, delete_each, delete_some, swap
from residua.parts import Sum


class Plus(nn.Module):
    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = nn.Parameter(torch.tensor(float(number)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ones_like(x) * self.number


def adder(*numbers: float) -> nn.Module:
    return nn.Sequential(*(Sum(Plus(number)) for number in numbers))


def answer(model: nn.Module) -> float:
    return float(model(torch.zeros(1, 1)).item())


def test_each_block_alone() -> None:
    rows = delete_each(adder(1, 2, 4), answer)
    assert [row.blocks for row in rows] == [("0",), ("1",), ("2",)]
    assert [row.score for row in rows] == [6, 5, 3]
    assert [row.change for row in rows] == [-1, -2, -4]


def test_several_at_once() -> None:
    rows = delete_some(adder(1, 2, 4), answer, [2, 3], draws=5, generator=torch.Generator().manual_seed(0))
    assert [len(row.blocks) for row in rows] == [2] * 5 + [3] * 5
    worth = {"0": 1, "1": 2, "2": 4}
    assert all(row.change == -sum(worth[name] for name in row.blocks) for row in rows)
    assert len({row.blocks for row in rows}) > 2


def test_a_layer_without_a_shortcut() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    (row,) = delete_each(model, answer, blocks=["0"], wrapper=Bypassed)
    assert row.score == 0


def test_parts_that_go_together() -> None:
    first, second, group = delete_each(adder(1, 2, 4), answer, blocks=["0", "2", ("0", "2")])
    assert group.blocks == ("0", "2")
    assert group.change == first.change + second.change == -5


def test_a_block_that_is_not_there() -> None:
    with pytest.raises(UnknownName):
        delete_each(adder(1), answer, blocks=["7"])


def test_a_swap_of_sums_that_only_add_changes_nothing() -> None:
    rows = swap(adder(1, 2, 4), answer, [1, 3], draws=3, generator=torch.Generator().manual_seed(0))
    assert [row.swaps for row in rows] == [1, 1, 1, 3, 3, 3]
    assert all(row.change == 0 for row in rows)
    assert all(-1 <= row.kendall < 1 for row in rows if row.swaps == 1)


def test_only_blocks_of_one_shape_change_places() -> None:
    model = nn.Sequential(Sum(nn.Linear(3, 3)), Sum(nn.Linear(3, 3)), nn.Linear(3, 4), Sum(nn.Linear(4, 4)))
    rows = swap(model, lambda m: m(torch.ones(1, 3)).sum().item(), [1], draws=4, generator=torch.Generator())
    assert {round(row.kendall, 3) for row in rows} == {round(1 / 3, 3)}
