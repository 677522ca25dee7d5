"""The few numbers of a look that say most about whether a network will train; the verdict weighs them."""

import math
from dataclasses import dataclass
from statistics import fmean
from typing import final

from residua.exam.observation import Observation
from residua.look import Coherence

WORST = 12.0
"""Decades: what is beyond says no more."""
NOTHING = 2.5
"""Decades: what saves less than this of the loss saves nothing; a few samples are told apart by chance."""
LITTLE = 2.0
"""Decades: the same for answers as they are."""
PASSED = 0.45
"""Share of the weighted layers that the shortest way leaves out, from which on shortcuts go past most of them."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the verdict weighs.

    Attributes:
        pull_range: decades between the layer whose weights, changed by a share of themselves, change the loss most and
            the one whose change it least. Unlike the gradient it does not depend on the size of the pictures, nor on
            the scale of the weights.
        coherence: of the gradient over all weights with itself after a small step.
        tensor_coherence: the mean of that of each weight alone.
        first_step: what answers save after one step, in decades below all of the loss.
        level_step: what they could save.
    """

    pull_range: float
    coherence: float
    tensor_coherence: float
    first_step: float
    level_step: float


def features(seen: Observation) -> Features:
    """Return the numbers that the verdict weighs; a network without any gradient has the worst of each."""
    return Features(
        pull_range=decades([layer.pull for layer in seen.weighted if layer.pull is not None]),
        coherence=finite(seen.coherence.cosine) if seen.coherence else 0.0,
        tensor_coherence=by_tensor(seen.coherence),
        first_step=-math.log10(max(seen.first_step.saves, 10**-LITTLE)),
        level_step=-math.log10(max(seen.first_step.could_save, 10**-NOTHING)),
    )


def shortened(seen: Observation) -> bool:
    """Return whether shortcuts go past most of the layers."""
    shortest = seen.wiring.shortest
    return shortest is not None and shortest <= (1 - PASSED) * seen.depth


def by_tensor(found: Coherence | None) -> float:
    """Return the mean cosine of the weights, each alone; 0 where there is no gradient."""
    return fmean(finite(cosine) for _, cosine in found.tensors) if found and found.tensors else 0.0


def decades(values: list[float]) -> float:
    """Return the decades between the largest and the smallest of some values that are not negative; most for none.

    >>> decades([1.0, 0.01, 10.0]), decades([1.0, 0.0]), decades([1.0]), decades([])
    (3.0, 12.0, 0.0, 12.0)
    """
    sizes = [value for value in values if math.isfinite(value)]
    if len(sizes) < len(values) or not sizes or not max(sizes):
        return WORST
    return min(WORST, math.log10(max(sizes) / max(min(sizes), max(sizes) * 10**-WORST)))


def finite(value: float) -> float:
    """Return the value, or 0 for one that is no number."""
    return value if math.isfinite(value) else 0.0
