"""How much one step learns by looking: what the gradient promises, asked of the loss itself.

The first steps of a training often learn no more than how frequent each class is, and the gradient of the loss says
little then about whether a network will tell its samples apart. So the answers are made level first (see `Level`):
what a step saves from there on, it saves by looking.
"""

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from residua.exam.calling import REFUSALS
from residua.exam.level import Level, heads, on_each_head
from residua.exam.observation import FirstStep
from residua.look import Examples, Loss, untouched
from residua.look.gradients import as_numbers, as_weights

LENGTHS: Final = (0.01, 0.1)
"""Of the norm of each weight: a usual step, and a large one."""
SMALLEST: Final = 1e-3
"""Root mean square that weights are taken for at the least, so that those that begin at zero move too."""


def first_step(model: nn.Module, examples: Examples, *, loss: Loss) -> FirstStep:
    """Return how much the better of two steps learns; nothing where there is no gradient.

    The steps go down the signs of the gradient, as AdamW begins, so each layer moves by the same share of its weights
    however uneven the gradient is; what is frozen stays. But for the gradient only forward passes are made.

    Args:
        model: any module, in the mode that it is in; it is left as it was.
        examples: inputs and targets.
        loss: from outputs and targets to one number.

    >>> _ = torch.manual_seed(0)
    >>> model, loss = nn.Linear(2, 2), nn.functional.cross_entropy
    >>> found = first_step(model, (torch.eye(2), torch.arange(2)), loss=loss)
    >>> 0 == found.saves < found.could_save < 1
    True
    >>> found = first_step(model, (torch.ones(2, 2), torch.arange(2)), loss=loss)
    >>> found.saves, found.could_save, round(found.blind, 3)
    (0.0, 0.0, 0.693)
    """
    inputs, targets = examples
    weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
    with untouched(model), torch.enable_grad():
        before = model(inputs)
        level = Level(before, targets, loss)
        try:
            slopes = slopes_of(loss(level.answers(before), targets), weights)
        except REFUSALS:  # it takes the answers as they are, and none beside them
            slopes = {}
    best = FirstStep(saves=0.0, could_save=0.0, blind=level.blind)
    for length in LENGTHS if slopes else ():
        moved = {
            name: stepped(as_numbers(weights[name].detach()), slope, length) for name, slope in slopes.items()
        }
        with untouched(model), torch.no_grad():
            after = functional_call(model, as_weights(moved, model), (inputs,))
        best = FirstStep(
            blind=level.blind,
            saves=max(best.saves, level.saved(after)),
            could_save=max(best.could_save, *map(level.could_be_saved, (after, difference(after, before)))),
        )
    return best


def slopes_of(value: Tensor, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the gradient of a value with respect to each weight that has one in numbers."""
    if not weights or not value.requires_grad:
        return {}
    found = torch.autograd.grad(value, list(weights.values()), allow_unused=True)
    known = {name: as_numbers(slope) for name, slope in zip(weights, found, strict=True) if slope is not None}
    return {name: slope for name, slope in known.items() if slope.isfinite().all()}


def stepped(weight: Tensor, slope: Tensor, length: float) -> Tensor:
    """Return a weight after a step down the signs of its slope.

    >>> stepped(torch.tensor([1.0, -1.0]), torch.tensor([5.0, 0.0]), 0.1)
    tensor([ 0.9000, -1.0000])
    """
    size = weight.square().mean().sqrt().clamp_min(SMALLEST)
    return weight - length * size * slope.sign()


def difference(after: Any, before: Any) -> Any:
    """Return what has changed in answers, in the form in which they are given.

    A network whose first answers are far apart has to forget them, which takes time and is no sign against it.

    >>> difference({"out": torch.tensor([3.0])}, {"out": torch.tensor([1.0])})
    {'out': tensor([2.])}
    """
    left = iter(heads(before))
    return on_each_head(after, lambda values: values - next(left).detach())
