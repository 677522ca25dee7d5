"""How much one step learns: what the gradient promises, asked of the loss itself."""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from residua.exam.observation import FirstStep
from residua.exam.trial import blinded, over_samples
from residua.look import Examples, Loss, each, untouched
from residua.look.gradients import norm

LENGTHS: Final = (0.01, 0.1)
"""Of the norm of the weights: a usual step, and a large one."""
SMALLEST: Final = 1e-3
"""Root mean square that weights are taken for at the least, so that those that begin at zero move too."""
SCALES: Final = tuple(10 ** (half / 2) for half in range(-4, 3))
"""From a hundredth to ten times: how far apart the answers of a step may be drawn or pushed."""

Weights = Mapping[str, Tensor]


def first_step(
    model: nn.Module, examples: Examples, *, loss: Loss, gradients: Mapping[str, Tensor | None]
) -> FirstStep:
    """Return how much the best of a few steps learns; nothing where there is no gradient.

    Two kinds of steps are tried, each at two lengths: down the gradient, as SGD begins, and down its signs, as AdamW
    begins. Only forward passes are made, on the examples that the gradients are from.

    Args:
        model: any module, in the mode that it is in; it is left as it was.
        examples: inputs and targets.
        loss: from outputs and targets to one number.
        gradients: of the loss, by the names of the parameters.

    >>> _ = torch.manual_seed(0)
    >>> model, examples = nn.Linear(2, 2, bias=False), (torch.eye(2), torch.arange(2))
    >>> loss = nn.functional.cross_entropy
    >>> _ = nn.init.constant_(model.weight, -0.1)
    >>> (slope,) = torch.autograd.grad(loss(model(examples[0]), examples[1]), [model.weight])
    >>> found = first_step(model, examples, loss=loss, gradients={"weight": slope})
    >>> 0 < found.saves < 0.1 < found.could_save
    True
    """
    weights = {name: p.detach() for name, p in model.named_parameters() if p.is_floating_point()}
    slopes = {
        name: slope for name in weights if (slope := gradients[name]) is not None and slope.isfinite().all()
    }
    best = FirstStep(saves=0.0, could_save=0.0)
    for moved in steps(weights, slopes) if slopes else ():
        with untouched(model), torch.no_grad():
            found = saved(functional_call(model, dict(moved), (examples[0],)), examples[1], loss)
        best = FirstStep(
            saves=max(best.saves, found.saves), could_save=max(best.could_save, found.could_save)
        )
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


def saved(outputs: Any, targets: Tensor, loss: Loss) -> FirstStep:
    """Return the share of the loss of an answer that looks at nothing that answers save, as they are and at best.

    At best they are held against their own mean alone: where that lies is soon learned too.

    >>> outputs, targets = torch.tensor([[0.01, -0.01], [-0.01, 0.01]]), torch.arange(2)
    >>> found = saved(outputs, targets, nn.functional.cross_entropy)
    >>> f"{found.saves:.4f} {found.could_save:.4f}"
    '0.0144 0.1371'
    """
    blind = [loss(same, targets).item() for same in blinded(outputs)]
    scales = [scale for scale in SCALES if scale <= 1 or not probabilities(outputs)]
    answers = (each(outputs, partial(rescaled, scale=scale)) for scale in scales)
    return FirstStep(
        saves=share(min(blind), loss(outputs, targets).item()),
        could_save=max(share(blind[0], loss(answer, targets).item()) for answer in answers),
    )


def share(blind: float, value: float) -> float:
    """Return what share of a loss another is below it; 0 for none and for what is no number.

    >>> share(2.0, 1.5), share(2.0, 3.0), share(2.0, math.nan)
    (0.25, 0.0, 0.0)
    """
    return max(0.0, (blind - value) / blind) if blind > 0 and math.isfinite(value) else 0.0


def rescaled(outputs: Tensor, *, scale: float) -> Tensor:
    """Return outputs that lie so many times as far from their mean over the samples and places.

    >>> rescaled(torch.tensor([[1.0, 2.0], [3.0, 2.0]]), scale=10).tolist()
    [[-8.0, 2.0], [12.0, 2.0]]
    """
    mean = over_samples(outputs)
    return mean + scale * (outputs - mean)


def probabilities(outputs: Any) -> bool:
    """Return whether all outputs lie in 0 to 1, where a loss may want them to stay.

    >>> probabilities(torch.tensor([0.5])), probabilities({"out": torch.tensor([0.5, -0.1])})
    (True, False)
    """
    beyond: list[bool] = []

    def note(values: Tensor) -> Tensor:
        beyond.append(bool(((values < 0) | (values > 1)).any()))
        return values

    each(outputs, note)
    return not any(beyond)
