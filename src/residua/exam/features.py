"""The few numbers of a look that say most about whether a network will train; the verdict weighs them."""

import math
from dataclasses import dataclass
from statistics import fmean
from typing import final

from residua.exam.observation import Layer, Observation
from residua.look import Coherence

WORST = 12.0
"""Decades: what is beyond says no more."""
ALIKE = 6.0
"""Decades from which samples are one to float32."""
STEADY = 0.85
"""The least coherence of nearly all networks that train."""
PASSED = 0.5
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
        unshattered: the same, but at least `STEADY` where shortcuts go past most layers: there a low coherence comes
            from a start that is steep, and trains.
        tensor_coherence: the mean of that of each weight alone.
        spread: share of the last features that differs between samples, in decades below all of it; at most `ALIKE`.
    """

    pull_range: float
    coherence: float
    unshattered: float
    tensor_coherence: float
    spread: float


def features(seen: Observation) -> Features:
    """Return the numbers that the verdict weighs; a network without any gradient has the worst of each."""
    cosine = finite(seen.coherence.cosine) if seen.coherence else 0.0
    last = last_features(seen)
    return Features(
        pull_range=decades([layer.pull for layer in seen.weighted if layer.pull is not None]),
        coherence=cosine,
        unshattered=max(cosine, STEADY) if seen.coherence and shortened(seen) else cosine,
        tensor_coherence=by_tensor(seen.coherence),
        spread=min(ALIKE, -math.log10(max(last.spread or 0.0, 10**-ALIKE))) if last else ALIKE,
    )


def shortened(seen: Observation) -> bool:
    """Return whether shortcuts go past most of the layers."""
    shortest = seen.wiring.shortest
    return shortest is not None and shortest <= (1 - PASSED) * seen.depth


def by_tensor(found: Coherence | None) -> float:
    """Return the mean cosine of the weights, each alone; 0 where there is no gradient."""
    return fmean(finite(cosine) for _, cosine in found.tensors) if found and found.tensors else 0.0


def last_features(seen: Observation) -> Layer | None:
    """Return the last thing measured before the last weighted layer, which is the head."""
    places = [place for place, layer in enumerate(seen.layers) if layer.weighted]
    if not places or not places[-1]:
        return None
    return seen.layers[places[-1] - 1]


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
