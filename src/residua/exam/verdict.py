"""From what was seen to a verdict with a probability: a logistic sum whose weights stand here as numbers.

`python -m benchmarks.zoo.fit` sets the weights from random networks that were really trained. Each cause that a rule
names then takes its harm: set by hand, near the share of trainings with that fault that came to nothing where
`benchmarks/faults/` plants it, and lower where the rule itself may be wrong. Symptoms, such as a gradient that
vanishes, take nothing: they show in the features.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Final, Literal

from residua.exam.cause import Cause
from residua.exam.features import Features
from residua.exam.trial import STEPS, ProbeRow

Verdict = Literal["trains", "slow", "does not train"]

INTERCEPT: Final = "intercept"
STILL: Final[Mapping[str, float]] = {
    INTERCEPT: -1.225,
    "pull_range": -0.297,
    "coherence": 1.821,
    "first_step": -1.314,
    "level_step": -2.493,
    "planned": 3.472,
}
PROBED: Final[Mapping[str, float]] = {
    INTERCEPT: -4.39,
    "pull_range": -0.1911,
    "coherence": 1.457,
    "level_step": -1.712,
    "planned": 5.196,
    "pace": -2.992,
}
USUAL: Final = 1000
"""Steps of a training of which nothing is said."""
SHORTEST: Final = 100
LONGEST: Final = 1000
"""Steps of the trainings that set the weights, about."""
SUREST: Final = 0.99
"""What some hundred trainings allow to be said at most."""
LIKELY: Final = 0.5
COLLAPSE: Final = "samples collapse"
BLIND: Final = 2.4
"""Decades below all of the loss that a first step could save: as little as is told apart from none."""
UNLIKELY: Final = 0.25
"""Between the two a network is slow: with patience and luck it gets somewhere."""


def probability(
    found: Features, probed: Sequence[ProbeRow], causes: Iterable[Cause], *, steps: int = USUAL
) -> float:
    """Return how likely a network is to train, given what was seen of it.

    Args:
        found: the features of the still exam.
        probed: the rows of a probe, or none.
        causes: what the rules found; each takes its harm.
        steps: that the training is to take.
    """
    values = {**asdict(found), "planned": planned(steps), "pace": math.log10(pace(probed)) if probed else 0.0}
    weights = PROBED if probed else STILL
    score = weights[INTERCEPT] + sum(
        weight * values[name] for name, weight in weights.items() if name != INTERCEPT
    )
    known = list(causes)
    chance = min(SUREST, 1 / (1 + math.exp(-max(-30.0, min(30.0, score)))))
    return left(known) * chance * (LOST if not probed and answers_alike(found, known) else 1)


def left(causes: Iterable[Cause]) -> float:
    """Return what the harm of causes leaves of a probability; a symptom shows in what is weighed, and takes no more.

    But for one: the pace is that of the best way, which may be one of few steps, and does not say that the longest of
    them led nowhere.
    """
    known = list(causes)
    harmed = math.prod(1 - cause.harm for cause in known if not cause.symptom)
    return harmed * (LOST if any(cause.name == LEADS_NOWHERE for cause in known) else 1)


def answers_alike(found: Features, causes: Iterable[Cause]) -> bool:
    """Return whether a network answers the same whatever it is shown, and no first step would change that.

    A long training weighs much for a network, and this one does not begin.
    """
    same = any(cause.name == COLLAPSE for cause in causes)
    return same and found.level_step >= BLIND


def planned(steps: int) -> float:
    """Return the decades of a training's steps; beyond those of the trainings that set the weights they say no more.

    >>> planned(1000) == planned(10**6)
    True
    """
    return math.log10(min(max(steps, SHORTEST), LONGEST))


def pace(probed: Sequence[ProbeRow]) -> float:
    """Return the steps until a probe has learned enough, at the optimiser's own rate or in the best of its ways."""
    own = [row.pace for row in probed if row.factor == 1]
    return own[0] if own else min(row.pace for row in probed)


def verdict(likely: float) -> Verdict:
    """Return the verdict in words.

    >>> verdict(0.97), verdict(0.4), verdict(0.02)
    ('trains', 'slow', 'does not train')
    """
    if likely >= LIKELY:
        return "trains"
    return "slow" if likely >= UNLIKELY else "does not train"


LEARNS: Final = 0.1
"""Share of the loss that steps of a tenth take off it where the rate itself is too high."""
SOONER: Final = 3.0
"""Times as much as the rate itself has taught."""
NOWHERE: Final = 0.02
"""Share of the loss below which the steps of a probe have led nowhere."""
LEADS_NOWHERE: Final = "steps lead nowhere"
LOST: Final = 0.25
"""What that leaves of a probability: of 18 such networks that set the weights none learned, of 10 others three did."""


def nowhere(probed: Sequence[ProbeRow]) -> Iterable[Cause]:
    """Find a network whose loss no rate of a probe takes anything off."""
    if probed and all(row.drop < NOWHERE for row in probed):
        tried = ", ".join(f"{row.steps} of {row.kind} at {row.lr:g}" for row in probed)
        yield Cause(
            name=LEADS_NOWHERE,
            evidence=f"steps take under {100 * NOWHERE:.0f} % off the loss of one batch: {tried}",
            harm=0.5,
            symptom=True,
        )


def unexplained(found: Features, probed: Sequence[ProbeRow]) -> Cause:
    """Return what speaks against a network in which no rule has found anything."""
    if probed:
        evidence = f"at the pace of the probe it takes some {pace(probed):,.0f} steps until a tenth of the loss is gone"
    else:
        saved = 100 * 10**-found.level_step
        evidence = f"a first step could save {saved:.1g} % of the loss at best, by looking at the inputs"
    return Cause(name="learns slowly", evidence=evidence, harm=0.5, symptom=True)


def diverging(probed: Sequence[ProbeRow]) -> Iterable[Cause]:
    """Find a learning rate at which the loss of a probe is lost, or stands still where a tenth of it teaches much."""
    by_factor = {row.factor: row for row in probed if row.factor is not None}
    own, lower = by_factor.get(1.0), by_factor.get(0.1)
    if own is None:
        return
    if own.lost:
        yield Cause(
            name="learning rate too high",
            evidence=f"at {own.lr:g} the loss is no number any more after {own.steps} steps",
            harm=0.7,
        )
    elif lower is not None and own.shaken and lower.first_learned > max(LEARNS, SOONER * own.first_learned):
        yield Cause(
            name="learning rate too high",
            evidence=f"at {own.lr:g} the loss first rises to {max(own.losses):.3g}, and {STEPS} steps learn "
            f"{100 * own.first_learned:.0f} % of it; at {lower.lr:g} they learn {100 * lower.first_learned:.0f} %",
            harm=0.3,
        )
    elif lower is not None and own.steps > STEPS and not own.drop and lower.drop > LEARNS:
        yield Cause(
            name="learning rate too high",
            evidence=f"{own.steps} steps at {own.lr:g} take nothing off the loss, {lower.steps} at {lower.lr:g} "
            f"{100 * lower.drop:.0f} % of it",
            harm=0.7,
        )


def rates(probed: Sequence[ProbeRow]) -> Iterable[Cause]:
    """Find a learning rate at which a probe did worse than beside it."""
    by_factor = {row.factor: row for row in probed if row.factor is not None}
    if len(by_factor) < 3:
        return
    lower, own, higher = (by_factor[factor] for factor in sorted(by_factor))
    # What drives the loss far up may leave units dead, and then nothing is learned any more.
    ruined = own.shaken and own.learned < 0.02 < lower.first_learned
    if ruined or (own.first_learned < 0.02 and lower.first_learned > 0.1):
        yield Cause(
            name="learning rate too high",
            evidence=f"{STEPS} steps at {own.lr:g} learn nothing, at {lower.lr:g} "
            f"{100 * lower.first_learned:.0f} % of the loss is gone",
            harm=0.7,
            symptom=True,
        )
    elif own.first_learned < 0.05 and higher.first_learned > max(0.1, 5 * own.first_learned):
        yield Cause(
            name="learning rate too low",
            evidence=f"{STEPS} steps at {own.lr:g} learn {100 * own.first_learned:.1f} % of the loss, at "
            f"{higher.lr:g} {100 * higher.first_learned:.0f} %",
            harm=0.6,
            symptom=True,
        )
