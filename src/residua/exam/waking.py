"""Networks that begin at zero on purpose are looked at as they are after their first steps.

A head or a branch that begins at zero lets no gradient past it, and its network trains all the same: the zero
itself has a gradient, and after one step it is zero no more. What has no gradient either stays asleep. So it is with
scales that begin next to zero (LayerScale, Touvron et al. 2021, arXiv:2103.17239).
"""

import copy
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from residua.errors import BadInput
from residua.look import Examples, Loss, backward
from residua.parts import Join

ROUNDS = 4
"""A zero behind a zero wakes one step later."""
SIZE = 0.1
"""Root mean square of a scale that has woken; a kernel's is that over the root of its fan-in."""
SMALL = 1e-3
"""A scale that begins below this in all channels is meant to wake."""


def duplicate(model: nn.Module) -> nn.Module:
    """Return a copy of a model whose weights may be moved.

    Raises:
        BadInput: it cannot be copied.
    """
    copied: nn.Module = copied_with(model, model)
    return copied


def duplicate_both(
    model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Return a copy of a model, and one of its optimiser that moves it.

    Raises:
        BadInput: they cannot be copied.
    """
    both: tuple[nn.Module, torch.optim.Optimizer] = copied_with(model, (model, optimizer))
    return both


def copied_with(model: nn.Module, what: Any) -> Any:
    """Return a deep copy; what a model keeps from its last run, such as attention to be drawn, has no history in it."""
    kept = {id(value): value.detach().clone() for value in computed(model)}
    try:
        return copy.deepcopy(what, kept)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise BadInput(
            f"the model cannot be copied ({error}), and nothing may be tried on the model itself; "
            "keep no files, locks or generators in its attributes"
        ) from error


def computed(model: nn.Module) -> Iterator[Tensor]:
    """Walk the tensors with a history that the modules of a model hold, singly or in a row."""
    for module in model.modules():
        for value in vars(module).values():
            several = value.values() if isinstance(value, dict) else value
            for one in several if isinstance(several, list | tuple | type({}.values())) else [value]:
                if isinstance(one, Tensor) and one.grad_fn is not None:
                    yield one


def woken(model: nn.Module, examples: Examples, loss: Loss) -> tuple[nn.Module, tuple[str, ...]]:
    """Return the model as it is after its zeros' first steps, and the names of those that began at zero.

    Args:
        model: any; it is left as it was, and returned itself where nothing begins at zero.
        examples: inputs and targets.
        loss: from outputs and targets to one number.
    """
    names = tuple(sleeping(model))
    if not names:
        return model, ()
    moved = duplicate(model)
    for _ in range(ROUNDS):
        asleep = sleeping(moved)
        found = gradients(moved, examples, loss)
        known = {name: gradient for name in asleep if (gradient := found[name]) is not None}
        stirring = {name: gradient for name, gradient in known.items() if gradient.any()}
        if not stirring:
            break
        with torch.no_grad():
            for name, gradient in stirring.items():
                asleep[name].sub_(gradient * (wanted(gradient) / gradient.square().mean().sqrt()))
    return moved, names


def sleeping(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the matrices and scales that are all zero, and scales next to it; biases may begin at zero."""
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.is_floating_point()
        and not name.endswith("bias")
        and (not parameter.any() or next_to_zero(parameter))
    }


def next_to_zero(scale: nn.Parameter) -> bool:
    """Return whether a parameter is a scale that begins at one small value in all of its channels."""
    if sum(side > 1 for side in scale.shape) > 1:
        return False
    least, most = torch.aminmax(scale.detach())
    return bool(least == most) and 0 < most.item() < SMALL


def wanted(weight: Tensor) -> float:
    """Return the root mean square that a weight of this shape is given."""
    return SIZE / math.sqrt(weight[0].numel()) if weight.ndim > 1 else SIZE


def gradients(model: nn.Module, examples: Examples, loss: Loss) -> dict[str, Tensor | None]:
    """Return the gradient of each floating parameter, frozen or not; None for one that the loss does not reach."""
    return backward(model, examples, loss=loss, only=Join).gradients
