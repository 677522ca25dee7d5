"""Answers held against the best one that looks at nothing, wherever their mean happens to lie."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from residua.exam.asking import asked
from residua.exam.calling import REFUSALS
from residua.exam.domain import EDGE, Keep, logs_along, probable
from residua.exam.trial import over_samples
from residua.look import Loss, answer, each

TURNS: Final = 20
"""Of the search for the best answer that looks at nothing; it has a few numbers and is found in about ten."""
SCALES: Final = tuple(10 ** (half / 2) for half in range(-4, 7))
"""From a hundredth to a thousand times: how far from their mean answers may be drawn or pushed."""
FREE: Final = (-math.inf, math.inf)
"""Bounds of answers that may lie anywhere."""


class Level:
    """Answers moved, all by the same, to where their mean costs least: at classes, to how frequent they are.

    What they cost less than that mean is saved by looking. Only the answer is moved, and what else is given in its
    shape, as by several heads. Probabilities and variances stay where the loss takes them, if it refuses the rest.

    Args:
        outputs: any that the model gives; one tensor or several.
        targets: of the samples.
        loss: from outputs and targets to one number.

    >>> targets = torch.tensor([0, 0, 0, 1])
    >>> level = Level(torch.zeros(4, 2), targets, torch.nn.functional.cross_entropy)
    >>> [round(share, 3) for share in torch.softmax(level.centres[0], 1)[0].tolist()]
    [0.75, 0.25]
    >>> outputs = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> elsewhere = outputs + torch.tensor([0.0, 8.0])
    >>> level.saved(outputs) > 0, level.saved(elsewhere)
    (True, 0.0)
    >>> level.could_be_saved(elsewhere) == level.could_be_saved(outputs) > level.saved(outputs)
    True
    """

    def __init__(self, outputs: Any, targets: Tensor, loss: Loss) -> None:
        self.targets, self.loss = targets, loss
        found = heads(outputs)
        keepers = [keeper(place, outputs, targets, loss) for place in range(len(found))]
        self.keep: list[Keep] = [known or free for known in keepers]
        means = [centre(values) for values in found]
        # Begun far out, where outputs may lie, the search finds no slope.
        begin = [
            mean if known else torch.zeros_like(mean) for mean, known in zip(means, keepers, strict=True)
        ]
        known = means, self.lowest(outputs, begin)
        self.blind, self.centres = min(
            ((self.cost(self.same(outputs, centres)), centres) for centres in known), key=rank
        )

    def answers(self, outputs: Any, *, scale: float = 1.0) -> Any:
        """Return outputs moved to be level, and so many times as far from their mean."""
        left = iter(zip(self.centres, self.keep, strict=True))

        def moved(values: Tensor) -> Tensor:
            centre, keep = next(left)
            return keep(centre + scale * (values - over_samples(values)))

        return on_each_head(outputs, moved)

    def saved(self, outputs: Any) -> float:
        """Return the share of the loss that outputs save as they are."""
        return share(self.blind, self.cost(outputs))

    def could_be_saved(self, outputs: Any) -> float:
        """Return the share that they save when they are level, at the best scale.

        Answers that hardly differ yet have a longer way to go: so many times further apart, and the share is divided by
        the root of it.
        """
        return max(
            share(self.blind, self.cost(self.answers(outputs, scale=scale))) / math.sqrt(max(1.0, scale))
            for scale in SCALES
        )

    def cost(self, answers: Any) -> float:
        """Return the loss of answers; not a number where it refuses them."""
        return asked(self.loss, answers, self.targets)

    def same(self, outputs: Any, centres: Sequence[Tensor]) -> Any:
        """Return one answer in the place of all."""
        left = iter(zip(centres, self.keep, strict=True))

        def same(values: Tensor) -> Tensor:
            centre, keep = next(left)
            return keep(centre).expand_as(values).contiguous()

        return on_each_head(outputs, same)

    def lowest(self, outputs: Any, begin: Sequence[Tensor]) -> list[Tensor]:
        """Return the answer that costs least when it is the same for all samples and places."""
        ends = np.cumsum([values.numel() for values in begin])[:-1]

        def centres_at(point: np.ndarray) -> list[Tensor]:
            parts = zip(np.split(point, ends), begin, strict=True)
            return [torch.from_numpy(part).to(values).view_as(values) for part, values in parts]

        def cost_at(point: np.ndarray) -> tuple[float, np.ndarray]:
            centres = [centre.clone().requires_grad_() for centre in centres_at(point)]
            with torch.enable_grad():
                value = self.loss(self.same(outputs, centres), self.targets)
            slopes = torch.autograd.grad(value, centres, materialize_grads=True)
            return value.item(), torch.cat([slope.flatten() for slope in slopes]).double().cpu().numpy()

        start = torch.cat([values.flatten() for values in begin]).double().cpu().numpy()
        try:
            found = minimize(cost_at, start, jac=True, method="L-BFGS-B", options={"maxiter": TURNS})
        except REFUSALS:  # on the way the loss was asked for what it does not take
            return list(begin)
        return centres_at(found.x)


def rank(found: tuple[float, object]) -> float:
    """Return a cost to be compared; what is no number comes last."""
    return found[0] if math.isfinite(found[0]) else math.inf


def share(blind: float, value: float) -> float:
    """Return what share of a loss another is below it; 0 for none and for what is no number.

    >>> share(2.0, 1.5), share(-2.0, -2.5), share(2.0, 3.0), share(2.0, math.nan)
    (0.25, 0.25, 0.0, 0.0)
    """
    return max(0.0, (blind - value) / abs(blind)) if blind and math.isfinite(value) else 0.0


def centre(values: Tensor) -> Tensor:
    """Return the mean over samples and places, in the fewest numbers.

    >>> centre(torch.ones(4, 3, 8, 8)).shape, centre(torch.ones(4)).shape
    (torch.Size([1, 3, 1, 1]), torch.Size([1]))
    """
    axis = logs_along(values)
    if axis is not None and axis > 1:  # words in a row, with their classes last
        return values.detach().mean(tuple(range(axis)), keepdim=True)
    mean = over_samples(values)
    return mean[tuple(slice(0, 1) if place in (0, 2, 3) else slice(None) for place in range(mean.ndim))]


def heads(outputs: Any) -> list[Tensor]:
    """Return the answer in what a model gives, and all that is given in its shape, in their order.

    >>> [len(values) for values in heads((torch.ones(4, 2), {"more": torch.ones(4, 2), "hidden": torch.ones(9)}))]
    [4, 4]
    """
    found: list[Tensor] = []

    def take(values: Tensor) -> Tensor:
        found.append(values)
        return values

    on_each_head(outputs, take)
    return found


def on_each_head(outputs: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return what a model gives with its answer changed, and all that is given in its shape."""
    found = answer(outputs)
    shape = None if found is None else found.shape
    return each(outputs, lambda values: change(values) if values.shape == shape else values)


def free(values: Tensor) -> Tensor:
    """Return values as they are: answers may lie anywhere."""
    return values


def keeper(place: int, outputs: Any, targets: Tensor, loss: Loss) -> Keep | None:
    """Return what brings one of the heads back to where a loss takes it; None where it may lie anywhere."""
    known = probable(heads(outputs)[place])
    if known and not softens(outputs, targets, loss):
        return known
    between = bounds(place, outputs, targets, loss)
    return None if between == FREE else lambda values: values.clamp(*between)


def softens(outputs: Any, targets: Tensor, loss: Loss) -> bool:
    """Return whether a loss applies a softmax of its own, to which answers may lie anywhere."""
    given = asked(loss, outputs, targets)
    more = asked(loss, on_each_head(outputs, lambda head: head + 1), targets)
    return abs(given - more) < 1e-4 * max(1.0, abs(given))


def bounds(place: int, outputs: Any, targets: Tensor, loss: Loss) -> tuple[float, float]:
    """Return between which values a loss takes one of the heads, if all that it gives lie there.

    Asked on the CPU, since a GPU does not forgive such a question.

    >>> outputs, targets = torch.tensor([0.5]), torch.tensor([1.0])
    >>> bounds(0, outputs, targets, torch.nn.functional.binary_cross_entropy)
    (0.001, 0.999)
    >>> bounds(0, outputs, targets, torch.nn.functional.binary_cross_entropy_with_logits) == FREE
    True
    """
    values = heads(outputs)[place]

    def refuses(other: float) -> bool:
        count = iter(range(len(heads(outputs))))
        there = on_each_head(
            outputs, lambda head: torch.full_like(head, other) if next(count) == place else head
        )
        here = each(there, lambda head: head.detach().cpu())
        return not math.isfinite(asked(loss, here, targets.cpu()))

    if (values < 0).any() or not refuses(-1.0):
        return FREE
    return (EDGE, math.inf) if (values > 1).any() or not refuses(2.0) else (EDGE, 1 - EDGE)
