"""What goes wrong with the inputs."""

from collections.abc import Iterator

from residua.exam.cause import Cause
from residua.exam.observation import SCALE_FREE, Observation

LOUD = 20.0
"""Mean or deviation that a model cannot mean to give its own first layer."""
OFF = 30.0
"""Deviations that the mean is from 0, as of years or coordinates, from which the inputs are one to a network."""
FAR = 4.0
"""Deviations that the mean may be from 0, and the deviation from 1, before a network notices."""


def broken(seen: Observation) -> Iterator[Cause]:
    """Find inputs that are no numbers."""
    if not seen.inputs.finite:
        yield Cause(
            name="inputs are not finite",
            evidence="the batch holds values that are infinite or not a number",
            harm=1.0,
        )


def constant(seen: Observation) -> Iterator[Cause]:
    """Find inputs that do not differ."""
    inputs = seen.inputs
    if not inputs.finite:
        return
    if inputs.flat == 1 or inputs.deviation == 0:
        yield Cause(
            name="inputs are constant",
            evidence="each sample has one value throughout; the batch lies between "
            f"{inputs.least:g} and {inputs.most:g}",
            harm=0.98,
        )
    elif inputs.alike > 0.5 and inputs.numbers and seen.loss.reads_targets:  # of words there are only so many
        yield Cause(
            name="samples are alike",
            evidence=f"{100 * inputs.alike:.0f} % of the samples are copies of another one whose label is not theirs",
            harm=0.6,
        )


def unscaled(seen: Observation) -> Iterator[Cause]:
    """Find inputs far from mean 0 and deviation 1."""
    inputs = seen.inputs
    if not inputs.finite or not inputs.deviation or not inputs.numbers or inputs.directions:
        return
    if far(inputs.mean, inputs.deviation) and (seen.arriving is None or far(*seen.arriving)):
        bytes_ = inputs.least >= 0 and 100 < inputs.most <= 255
        yield Cause(
            name="inputs are not normalised",
            evidence=f"mean {inputs.mean:.3g} and deviation {inputs.deviation:.3g}"
            + (", as bytes have that were not divided by 255" if bytes_ else ""),
            harm=0.5 if abs(inputs.mean) > OFF * inputs.deviation or bare(seen) else 0.2,
        )
    elif seen.arriving is not None and max(map(abs, seen.arriving)) > LOUD:
        mean, deviation = seen.arriving
        yield Cause(
            name="inputs are not normalised",
            evidence=f"the model makes of them what has mean {mean:.3g} and deviation {deviation:.3g} before its first "
            "layer",
            harm=0.2,
        )


def bare(seen: Observation) -> bool:
    """Return whether steps are as long as the inputs are large: no norm follows, and no optimiser scales them."""
    found = seen.optimisation
    return (
        found is not None
        and found.kind not in SCALE_FREE
        and not any("Norm" in layer.kind for layer in seen.layers)
    )


def far(mean: float, deviation: float) -> bool:
    """Return whether values are far from mean 0 and deviation 1."""
    return max(deviation, abs(mean)) > FAR or deviation < 1 / (5 * FAR)


RULES = (broken, constant, unscaled)
