"""Answers held against the best one that looks at nothing, wherever their mean happens to lie."""

import math
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from residua.exam.trial import over_samples
from residua.look import Loss, each

TURNS: Final = 20
"""Of the search for the best answer that looks at nothing; it has a few numbers and is found in about ten."""
SCALES: Final = tuple(10 ** (half / 2) for half in range(-4, 7))
"""From a hundredth to a thousand times: how far from their mean answers may be drawn or pushed."""
EDGE: Final = 1e-3
"""Nearest that a probability comes to 0 and 1, where a loss may be infinite."""


class Level:
    """Answers moved, all by the same, to where their mean costs least: at classes, to how frequent they are.

    What they cost less than that mean is saved by looking. Probabilities stay between 0 and 1 where the loss refuses
    what lies outside.

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
        bounded = probabilities(outputs) and refuses_others(outputs, targets, loss)
        self.between = (EDGE, 1 - EDGE) if bounded else (-math.inf, math.inf)
        means = [centre(values) for values in tensors(outputs)]
        # Begun far out, where outputs may lie, the search finds no slope.
        found = self.lowest(outputs, means if bounded else [torch.zeros_like(mean) for mean in means])
        self.blind, self.centres = min(
            ((self.cost(self.same(outputs, centres)), centres) for centres in (means, found)), key=rank
        )

    def answers(self, outputs: Any, *, scale: float = 1.0) -> Any:
        """Return outputs moved to be level, and so many times as far from their mean."""
        left = iter(self.centres)
        return each(
            outputs,
            lambda values: (next(left) + scale * (values - over_samples(values))).clamp(*self.between),
        )

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
        """Return the loss of answers."""
        with torch.no_grad():
            return self.loss(answers, self.targets).item()

    def same(self, outputs: Any, centres: Sequence[Tensor]) -> Any:
        """Return one answer in the place of all."""
        left = iter(centres)
        return each(outputs, lambda values: next(left).clamp(*self.between).expand_as(values).contiguous())

    def lowest(self, outputs: Any, begin: Sequence[Tensor]) -> list[Tensor]:
        """Return the answer that costs least when it is the same for all samples and places."""
        centres = [values.clone().requires_grad_() for values in begin]
        search = torch.optim.LBFGS(centres, max_iter=TURNS, line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            search.zero_grad()
            value = self.loss(self.same(outputs, centres), self.targets)
            torch.autograd.backward(value, inputs=centres)
            return value

        with torch.enable_grad():
            search.step(closure)  # type: ignore[no-untyped-call]
        return [found.detach() for found in centres]


def rank(found: tuple[float, object]) -> float:
    """Return a cost to be compared; what is no number comes last."""
    return found[0] if math.isfinite(found[0]) else math.inf


def share(blind: float, value: float) -> float:
    """Return what share of a loss another is below it; 0 for none and for what is no number.

    >>> share(2.0, 1.5), share(2.0, 3.0), share(2.0, math.nan)
    (0.25, 0.0, 0.0)
    """
    return max(0.0, (blind - value) / blind) if blind > 0 and math.isfinite(value) else 0.0


def centre(values: Tensor) -> Tensor:
    """Return the mean over samples and places, in the fewest numbers.

    >>> centre(torch.ones(4, 3, 8, 8)).shape, centre(torch.ones(4)).shape
    (torch.Size([1, 3, 1, 1]), torch.Size([1]))
    """
    mean = over_samples(values)
    return mean[tuple(slice(0, 1) if place in (0, 2, 3) else slice(None) for place in range(mean.ndim))]


def tensors(outputs: Any) -> list[Tensor]:
    """Return the tensors of floating numbers in what a model gives, in their order.

    >>> [len(values) for values in tensors((torch.ones(1), {"more": torch.ones(2)}))]
    [1, 2]
    """
    found: list[Tensor] = []

    def take(values: Tensor) -> Tensor:
        found.append(values)
        return values

    each(outputs, take)
    return found


def probabilities(outputs: Any) -> bool:
    """Return whether all outputs lie in 0 to 1.

    >>> probabilities(torch.tensor([0.5])), probabilities({"out": torch.tensor([0.5, -0.1])})
    (True, False)
    """
    return not any(((values < 0) | (values > 1)).any() for values in tensors(outputs))


def refuses_others(outputs: Any, targets: Tensor, loss: Loss) -> bool:
    """Return whether a loss takes nothing below 0; asked on the CPU, since a GPU does not forgive such a question.

    >>> outputs, targets = torch.tensor([0.5]), torch.tensor([1.0])
    >>> refuses_others(outputs, targets, torch.nn.functional.binary_cross_entropy)
    True
    >>> refuses_others(outputs, targets, torch.nn.functional.binary_cross_entropy_with_logits)
    False
    """
    below = each(outputs, lambda values: torch.full_like(values, -1.0, device="cpu"))
    try:
        return not math.isfinite(loss(below, targets.cpu()).item())
    except (RuntimeError, ValueError, AssertionError):
        return True
