"""From what was seen to a verdict with a probability: a logistic sum whose weights stand here as numbers.

`python -m benchmarks.zoo.fit` sets the weights from random networks that were really trained. Each cause that a rule
names then takes its harm: set by hand, near the share of trainings with that fault that came to nothing where
`benchmarks/faults/` plants it, and lower where the rule itself may be wrong.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Final, Literal

from residua.exam.cause import Cause
from residua.exam.features import Features
from residua.exam.probe import ENOUGH, ProbeRow

Verdict = Literal["trains", "slow", "does not train"]

INTERCEPT: Final = "intercept"
STILL: Final[Mapping[str, float]] = {
    INTERCEPT: -1.434,
    "steepness": -0.4777,
    "unshattered": 3.984,
    "spread": -0.2605,
}
PROBED: Final[Mapping[str, float]] = {
    INTERCEPT: -1.971,
    "steepness": -0.2873,
    "unshattered": 2.854,
    "spread": -0.1578,
    "learned": 6.242,
}
LIKELY: Final = 0.5
UNLIKELY: Final = 0.25
"""Between the two a network is slow: with patience and luck it gets somewhere."""


def probability(found: Features, probed: Sequence[ProbeRow], causes: Iterable[Cause]) -> float:
    """Return how likely a network is to train, given what was seen of it.

    Args:
        found: the features of the still exam.
        probed: the rows of a probe, or none.
        causes: what the rules found; each takes its harm.
    """
    values = asdict(found)
    if probed:
        values["learned"] = learned(probed)
    weights = PROBED if probed else STILL
    score = weights[INTERCEPT] + sum(
        weight * values[name] for name, weight in weights.items() if name != INTERCEPT
    )
    left = math.prod(1 - cause.harm for cause in causes)
    return left / (1 + math.exp(-max(-30.0, min(30.0, score))))


def learned(probed: Sequence[ProbeRow]) -> float:
    """Return what the probe learned from its inputs: at the optimiser's own rate, or in the best of several ways.

    Beyond `ENOUGH` it says no more: what is learned in a few steps depends on the rate too.
    """
    own = [row.learned for row in probed if row.factor == 1]
    return min(ENOUGH, own[0] if own else max(row.learned for row in probed))


def verdict(likely: float) -> Verdict:
    """Return the verdict in words.

    >>> verdict(0.97), verdict(0.4), verdict(0.02)
    ('trains', 'slow', 'does not train')
    """
    if likely >= LIKELY:
        return "trains"
    return "slow" if likely >= UNLIKELY else "does not train"


NOWHERE: Final = 0.02
"""Share of the loss below which the steps of a probe have led nowhere."""


def nowhere(probed: Sequence[ProbeRow]) -> Iterable[Cause]:
    """Find a network whose loss no rate of a probe takes anything off."""
    if probed and all(row.drop < NOWHERE for row in probed):
        tried = ", ".join(f"{row.kind} {row.lr:g}" for row in probed)
        yield Cause(
            name="steps lead nowhere",
            evidence=f"{probed[0].steps} steps take under {100 * NOWHERE:.0f} % off the loss of one batch, with each "
            f"of {tried}",
            harm=0.5,
            symptom=True,
        )


def rates(probed: Sequence[ProbeRow]) -> Iterable[Cause]:
    """Find a learning rate at which a probe did worse than beside it."""
    by_factor = {row.factor: row for row in probed if row.factor is not None}
    if len(by_factor) < 3:
        return
    lower, own, higher = (by_factor[factor] for factor in sorted(by_factor))
    if own.drop < 0.02 and lower.drop > 0.1:
        yield Cause(
            name="learning rate too high",
            evidence=f"{own.steps} steps at {own.lr:g} take nothing off the loss, at {lower.lr:g} "
            f"{100 * lower.drop:.0f} % of it",
            harm=0.7,
            symptom=True,
        )
    elif own.drop < 0.05 and higher.drop > max(0.1, 5 * own.drop):
        yield Cause(
            name="learning rate too low",
            evidence=f"{own.steps} steps at {own.lr:g} take {100 * own.drop:.1f} % off the loss, at {higher.lr:g} "
            f"{100 * higher.drop:.0f} %",
            harm=0.6,
            symptom=True,
        )
