"""How far an optimiser's own steps go: the first of them, tried on a copy, and all of a training, reckoned from it."""

import math
from collections.abc import Mapping
from statistics import median
from typing import Any, Final

import torch
from torch import Tensor, nn

from residua.errors import BadInput
from residua.exam.calling import REFUSALS
from residua.exam.inventory import rate_of
from residua.exam.observation import ADAPTIVE, Observation
from residua.exam.several import kind_of
from residua.exam.trial import down
from residua.exam.waking import duplicate_both
from residua.look import Backward, Examples, Loss, seeded

WARMING: Final = 0.1
"""Of a rate that a schedule is about to warm up, what its first steps take."""


def own_step(
    model: nn.Module,
    examples: Examples,
    loss: Loss,
    optimizer: torch.optim.Optimizer,
    *,
    least: float = 0.0,
    known: Backward | None = None,
) -> float | None:
    """Return by how much a first step at the optimiser's own rate changes the loss of its batch, over that loss.

    None where it cannot be told: the optimiser searches along a line, cannot be copied or asks for something that it is
    not given, or the loss is none or nothing at first. Infinite where the loss is no number afterwards.

    Args:
        model: any; it is left as it was, and so is all that the loss holds.
        examples: inputs and targets.
        loss: from what the model gives and the targets to one number.
        optimizer: that moves it; a copy steps.
        least: a loss that is usual, as of answers that look at nothing: of one that is next to nothing a small step may
            make many times as much.
        known: the loss and the gradients of these samples, if they have been computed already.

    >>> layer = nn.Linear(1, 1, bias=False)
    >>> examples = torch.ones(4, 1), torch.full((4, 1), 2.0)
    >>> change = own_step(layer, examples, nn.functional.mse_loss, torch.optim.SGD(layer.parameters(), lr=2.0))
    >>> round(change, 3)  # from a distance d to the target to -3 d
    8.0
    """
    if isinstance(optimizer, torch.optim.LBFGS):
        return None
    inputs, targets = examples
    try:
        with seeded(model):
            moved, stepping = duplicate_both(model, optimizer)
            stepping.zero_grad()
            for group in stepping.param_groups:
                if "lr" in group:
                    group["lr"] = begun(group)
            if known is not None and taken_over(known, moved, stepping):
                first = known.loss
            else:
                with torch.enable_grad():
                    before: Tensor = loss(moved(inputs), targets)
                first = before.item()
                down(before, moved)
            stepping.step()
        with seeded(model), torch.no_grad():
            then = loss(moved(inputs), targets).item()
    except (BadInput, *REFUSALS):
        return None
    size = max(abs(first), abs(least) if math.isfinite(least) else 0.0)
    if not math.isfinite(first) or not size:
        return None
    return (then - first) / size if math.isfinite(then) else math.inf


def taken_over(known: Backward, model: nn.Module, optimizer: torch.optim.Optimizer) -> bool:
    """Give the weights of a copy gradients that are known, in full; False where an optimiser cannot step along them.

    As it cannot where it moves others too, such as those of a loss, or takes gradients of a few rows alone.
    """
    if "Sparse" in kind_of(optimizer):
        return False
    names = {id(weight): name for name, weight in model.named_parameters()}
    moved = [weight for group in optimizer.param_groups for weight in group["params"]]
    found = [known.gradients.get(names.get(id(weight), "")) for weight in moved]
    if any(slope is None or slope.shape != weight.shape for slope, weight in zip(found, moved, strict=True)):
        return False
    for weight, slope in zip(moved, found, strict=True):
        weight.grad = slope.clone() if slope is not None and weight.requires_grad else None
    return True


def begun(group: Mapping[str, Any]) -> float:
    """Return the learning rate of a group that a training begins with: of one that is to warm up, a part of the whole.

    >>> begun({"lr": 0.01, "initial_lr": 1.0}), begun({"lr": 0.1})
    (0.1, 0.1)
    """
    whole = rate_of(group)
    return WARMING * whole if float(group["lr"]) < whole else whole


def travelled(seen: Observation, steps: int) -> float | None:
    """Return how far a matrix in the middle moves in a whole training of steps such as the first, over its size.

    None where nothing says how long the steps are.
    """
    found = seen.optimisation
    moved = [
        weight
        for weight in seen.weights
        if weight.matrix and weight.trainable and weight.size and weight.reached and weight.optimised
    ]
    if found is None or not moved or not found.lr > 0 or found.kind not in (*ADAPTIVE, "SGD"):
        return None
    if found.kind in ADAPTIVE:
        # What stands under the fraction beside the gradient makes the steps of a small one shorter.
        lengths = [w.gradient / (w.gradient + found.epsilon) if w.gradient else 0.0 for w in moved]
        count = 2 * math.sqrt(steps) if found.kind == "Adagrad" else float(steps)
    else:
        lengths, count = [weight.gradient for weight in moved], float(steps)
        if 0 <= found.momentum < 1:
            count /= 1 - found.momentum
    return count * found.lr * median(far / weight.size for far, weight in zip(lengths, moved, strict=True))
