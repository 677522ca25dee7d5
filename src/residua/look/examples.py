"""What an instrument is given when it needs a loss: a batch with its answers, and how to judge them."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

Examples = tuple[Tensor, Tensor]
"""Inputs and targets, samples first."""

Loss = Callable[[Any, Tensor], Tensor]
"""From what the model gives and the targets to one number."""


def differentiable(inputs: Tensor) -> Tensor:
    """Return the inputs as a leaf whose gradient can be asked for, where they are numbers that have one."""
    return inputs.detach().clone().requires_grad_(inputs.is_floating_point())
