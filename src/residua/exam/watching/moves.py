"""How far a step moves the weights, and how far it turns them."""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Final, final

import torch
from torch import Tensor

from residua.exam.cause import Cause
from residua.exam.watching.arrivals import Arrivals
from residua.exam.watching.rates import Rates
from residua.look.gradients import as_numbers

TINY: Final = 1e-6
"""Share of its size by which a matrix turns at a step, below which nothing is learned.

Ten thousand such steps, all in one direction, would turn it by 1 %. AdamW at a rate of 1e-6, as low as any fine-tuning,
moves each number by about as much, and the numbers of a matrix are a few hundredths: it turns by some 1e-5 at a step.
Rounding alone turns a matrix of float32 by some 3e-8.
"""
HUGE: Final = 0.3
FOLLOWED: Final = 16
"""Weights whose moves are measured, about."""
WILD: Final = 3
"""Steps at the beginning that may be as long as they like."""
LONG: Final = 8
"""Steps after which momentum has come up and a step is as long as it gets."""
SHORTER: Final = 1e3
"""Times that a gradient was made shorter before the step, from which on it is worth a word."""


@final
class Moves:
    """What steps do to some of the weights.

    Attributes:
        before: the weights that are measured, and what they were before the step.
        furthest: the most that a step has turned them so far.
    """

    def __init__(self) -> None:
        self.before: list[tuple[Tensor, Tensor]] = []
        self.furthest = 0.0

    def keep(self, weights: Sequence[Tensor]) -> None:
        """Keep some of the weights as they are before a step."""
        self.before = [(p, p.detach().clone()) for p in weights[:: max(1, len(weights) // FOLLOWED)]]

    def judged(self, step: int, rates: Rates, arrivals: Arrivals) -> Iterator[Cause]:
        """Compare what the weights have moved with what they were, and keep them no more.

        Args:
            step: the number of the step, from 1.
            rates: of the steps so far.
            arrivals: of the gradients that the step went along.
        """
        moved = torch.stack(torch._foreach_norm([p.detach() - old for p, old in self.before]))
        size = torch.stack(torch._foreach_norm([old for _, old in self.before]))
        shares = (moved / size.clamp_min(1e-12))[size > 0]
        if not len(shares):
            return
        middle = shares.median().item()
        if not math.isfinite(middle):
            yield Cause(
                name="weights are not finite", evidence="a weight is no number after the step", harm=1.0
            )
        elif middle > HUGE and step > WILD:
            evidence = f"a step moves the weights by {100 * middle:.0f} % of their size"
            yield Cause(name="learning rate too high", evidence=evidence, harm=0.6)
        elif self.furthest < TINY:
            self.furthest = max(self.furthest, self.turn())
            # What once learned and now moves little has learned all there is.
            if self.furthest < TINY and step >= LONG and rates.settled:
                evidence = f"no step has turned the weights by more than {self.furthest:.0e} of their size"
                times = shorter(arrivals)
                if times > SHORTER:
                    evidence += f"; the gradients came {times:.0e} times as long: are they clipped?"
                yield Cause(name="learning rate too low", evidence=evidence, harm=0.6)

    def turn(self) -> float:
        """Return how far the step has turned the matrices, or else weights of several numbers: the one in the middle.

        Those that it has not turned at all are left out, since some may be given a rate of 0 on purpose.
        """
        able = [(p, old) for p, old in self.before if p.numel() > 1]
        matrices = [(p, old) for p, old in able if p.ndim > 1]
        turns = [turned(old, p.detach(), p.grad) for p, old in matrices or able]
        if not any(map(math.isfinite, turns)):
            return math.inf
        return statistics.median([share for share in turns if share > 0] or [0.0])


def turned(old: Tensor, new: Tensor, gradient: Tensor | None) -> float:
    """Return how far a step has turned a weight, as a share of its size: what decay shortens is no learning.

    Numbers without a gradient are left out, such as words that are not in the batch.

    >>> round(turned(torch.tensor([3.0, 0.0]), torch.tensor([2.0, 0.3]), None), 3)
    0.1
    """
    was, now = as_numbers(old).flatten().float(), as_numbers(new).flatten().float()
    if gradient is not None:
        alive = as_numbers(gradient).flatten() != 0
        was, now = was * alive, now * alive
    square, move = was.square().sum(), now - was
    across = move - (move * was).sum() / square * was
    return float(across.norm() / square.sqrt())


def shorter(arrivals: Arrivals) -> float:
    """Return how many times as long as the gradient of the step that was which came, in a few weights."""
    pairs = [
        (arrivals.came[place].norm(), as_numbers(weight.grad).norm())
        for place, weight in enumerate(arrivals.weights)
        if weight.grad is not None and place in arrivals.came
    ]
    if not pairs:
        return 1.0
    came, used = (torch.stack(list(some)).norm().item() for some in zip(*pairs, strict=True))
    return came / used if used else math.inf


def all_finite(values: Tensor | None) -> bool:
    """Return whether every number of a gradient, or of a weight, is one."""
    return values is None or bool(torch.isfinite(as_numbers(values)).all())
