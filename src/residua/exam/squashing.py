"""Whether the last operations of a model hold its answer between 0 and 1, where it does not only happen to lie."""

from typing import Any, Final

import torch
from torch import Tensor, nn

from residua.look import answer, untouched
from residua.look.examples import differentiable

SQUASHING: Final = (
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Clamp",
    "Hardsigmoid",
    "Hardtanh",
    "Exp",
    "Div",
    "Erf",
    "Minimum",
    "Where",
)
"""How the nodes of PyTorch's graph begin that leave values within bounds, or may."""
PASSING: Final = (
    "View",
    "UnsafeView",
    "Squeeze",
    "Unsqueeze",
    "Select",
    "Slice",
    "Transpose",
    "Permute",
    "Clone",
    "Alias",
    "ToCopy",
    "Mul",
    "Add",
    "Sub",
)
"""Those that are looked past: they give others the shape, or another scale."""


def squashed(model: nn.Module, inputs: Tensor) -> bool:
    """Return whether one of a model's last operations holds its answer within bounds; so it is too where none is known.

    Args:
        model: any, in the mode that it is in; it is left as it was.
        inputs: a batch, samples first.

    >>> inputs = torch.zeros(2, 3)
    >>> squashed(nn.Linear(3, 1), inputs), squashed(nn.Sequential(nn.Linear(3, 1), nn.Sigmoid(), nn.Flatten(0)), inputs)
    (False, True)
    """
    with untouched(model), torch.enable_grad():
        found = answer(model(differentiable(inputs)))
    node: Any = None if found is None else found.grad_fn
    while node is not None:
        name = node.name().removeprefix("torch::autograd::")
        if name.startswith(SQUASHING):
            return True
        if not name.startswith(PASSING):
            return False
        # Of a number that is added or multiplied there is no node.
        behind = [other for other, _ in node.next_functions if other is not None]
        if len(behind) != 1:
            return False
        node = behind[0]
    return True
