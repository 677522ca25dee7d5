"""Activations that write over what a shortcut still needs, however they are called."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.exam import examine, heal
from residua.exam.in_place import rewritten
from tests.exam.nets import batch


class Block(nn.Module):
    """A sum, and what becomes of its input before."""

    def __init__(self, way: Callable[["Block", Tensor], Tensor]) -> None:
        super().__init__()
        self.way, self.relu = way, nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.way(self, x)


def network(way: Callable[[Block, Tensor], Tensor]) -> nn.Module:
    torch.manual_seed(0)
    parts = nn.Conv2d(1, 8, 3, padding=1), Block(way), Block(way)
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(512, 4))


def discarded(block: Block, x: Tensor) -> Tensor:
    F.relu_(x)
    return block.conv(x)  # type: ignore[no-any-return]


def after_sum(block: Block, x: Tensor) -> Tensor:
    made: Tensor = block.conv(x)
    made += x
    return F.relu_(block.conv(block.relu(made)))


REWRITING: dict[str, Callable[[Block, Tensor], Tensor]] = {
    "a method": lambda block, x: block.conv(x.relu_()) + x,
    "a function": lambda block, x: block.conv(F.relu_(x)) + x,
    "by name": lambda block, x: block.conv(F.silu(x, inplace=True)) + x,
    "by place": lambda block, x: block.conv(F.leaky_relu(x, 0.1, True)) + x,
}
HARMLESS: dict[str, Callable[[Block, Tensor], Tensor]] = {
    "what it gives is thrown away": discarded,
    "after the sum": after_sum,
    "on the branch's own": lambda block, x: F.dropout(block.conv(x), 0.5, inplace=True) + x,
    "a new value": lambda block, x: block.conv(F.relu(x, inplace=False)) + x,
}


@pytest.mark.parametrize("name", REWRITING)
def test_a_function_that_rewrites_a_shortcut_is_found(name: str) -> None:
    assert rewritten(network(REWRITING[name]), batch()[0][:5]) == ("1", "2")


@pytest.mark.parametrize("name", HARMLESS)
def test_one_that_harms_nobody_is_not(name: str) -> None:
    assert rewritten(network(HARMLESS[name]), batch()[0][:5]) == ()


def test_of_a_layer_the_layer_is_named_and_healed() -> None:
    model = network(lambda block, x: block.conv(block.relu(x)) + x)
    healed = heal(model, batch())
    assert healed.before.causes[0].layer == "1.relu"
    assert [edit.words for edit in healed.edits] == ["set inplace=False on 1.relu, 2.relu"]


def test_somebodys_code_is_left_to_them() -> None:
    healed = heal(network(REWRITING["a function"]), batch())
    assert healed.left == ("in-place layer rewrites a shortcut",)
    assert examine(healed.model, batch()).causes[0].layer == "1"
