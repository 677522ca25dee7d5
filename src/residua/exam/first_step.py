"""How much of the loss one step takes off: what the gradient promises, asked of the loss itself."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from residua.exam.trial import blinded, learned
from residua.look import Examples, Loss, untouched
from residua.look.gradients import norm

LENGTHS: Final = (0.003, 0.03)
"""Of the norm of the weights: a usual step, and a large one."""
SMALLEST: Final = 1e-3
"""Root mean square that weights are taken for at the least, so that those that begin at zero move too."""

Weights = Mapping[str, Tensor]


def first_step(
    model: nn.Module,
    examples: Examples,
    *,
    loss: Loss,
    gradients: Mapping[str, Tensor | None],
    before: tuple[float, float],
) -> float:
    """Return the largest share of the loss that one step takes off by looking at the inputs; 0 if none does.

    Two kinds of steps are tried, each at two lengths: down the gradient, as SGD begins, and down its signs, as AdamW
    begins. Only forward passes are made, on the examples that the gradients are from.

    Args:
        model: any module, in the mode that it is in; it is left as it was.
        examples: inputs and targets.
        loss: from outputs and targets to one number.
        gradients: of the loss, by the names of the parameters.
        before: the loss as it is, and that of an answer that looks at nothing; `losses` gives both.

    >>> _ = torch.manual_seed(0)
    >>> model, examples = nn.Linear(2, 2, bias=False), (torch.eye(2), torch.arange(2))
    >>> loss = nn.functional.cross_entropy
    >>> _ = nn.init.constant_(model.weight, 0.1)
    >>> (slope,) = torch.autograd.grad(loss(model(examples[0]), examples[1]), [model.weight])
    >>> gradients, before = {"weight": slope}, losses(model, examples, loss)
    >>> 0 < first_step(model, examples, loss=loss, gradients=gradients, before=before) < 0.1
    True
    """
    weights = {name: p.detach() for name, p in model.named_parameters() if p.is_floating_point()}
    slopes = {
        name: slope for name in weights if (slope := gradients[name]) is not None and slope.isfinite().all()
    }
    if not slopes:
        return 0.0
    best = 0.0
    for moved in steps(weights, slopes):
        after = losses(model, examples, loss, weights=moved)
        if math.isfinite(after[0]):
            best = max(best, learned(*zip(before, after, strict=True)))
    return best


def steps(weights: Weights, slopes: Weights) -> Iterator[Weights]:
    """Walk the weights after each kind of step of each length."""
    slope = norm(slopes.values())
    scale = norm(weights.values()) / slope if slope else 0.0
    down = {name: scale * values for name, values in slopes.items()}
    signs = {
        name: values.sign() * weights[name].square().mean().sqrt().clamp_min(SMALLEST)
        for name, values in slopes.items()
    }
    for direction in (down, signs):
        for length in LENGTHS:
            yield {**weights, **{name: weights[name] - length * along for name, along in direction.items()}}


def losses(
    model: nn.Module, examples: Examples, loss: Loss, *, weights: Weights | None = None
) -> tuple[float, float]:
    """Return the loss of a model, with other weights if given, and the least of an answer that looks at nothing.

    >>> model = nn.Linear(2, 2, bias=False)
    >>> examples, loss = (torch.eye(2), torch.tensor([0, 1])), nn.functional.cross_entropy
    >>> looking, blind = losses(model, examples, loss, weights={"weight": 4 * torch.eye(2)})
    >>> f"{looking:.3f} {blind:.3f}"
    '0.018 0.693'
    """
    inputs, targets = examples
    with untouched(model), torch.no_grad():
        outputs = functional_call(model, dict(weights or {}), (inputs,))
        value = loss(outputs, targets).item()
        return value, min(loss(same, targets).item() for same in blinded(outputs))
