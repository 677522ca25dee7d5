"""What goes wrong on the way forward: the signal dies, explodes, or forgets which sample it is of."""

import math
from collections.abc import Iterator

from residua.exam.cause import Cause
from residua.exam.observation import Layer, Observation

FAINT, LOUD = 1e-8, 1e8
"""Second moments beyond which float32 has lost what differs between samples, or soon will."""
LEFT = 1e-4
"""Of what leaves the first layer, below which a later one is faint beside it."""
DEAD = 0.98
"""Share of zeros of a layer that says nothing any more; half of a ReLU's are zero."""
SATURATED = 0.9
DROPS, STRONG = 0.9, 0.6
"""Shares that are set to 0 by more than any dropout in use, and by more than any of several in a row."""
KEPT = 0.02
"""Share that strong ones in a row leave at the least."""
ALIKE = 1e-5
"""Share of the second moment that differs between samples: below it they are one sample to what comes next."""


def dies(seen: Observation) -> Iterator[Cause]:
    """Find the layer from which the signal is too faint."""
    faint = next((layer for layer in seen.layers if 0 < layer.second_moment < FAINT), None)
    if faint is not None and seen.layers[0].second_moment > FAINT and stays(seen, faint):
        last = seen.layers[-1]
        yield Cause(
            name="signal dies",
            evidence=f"the second moment falls from {seen.layers[0].second_moment:.1e} after the first layer to "
            f"{last.second_moment:.1e} after the last",
            layer=faint.name,
            harm=0.8,
            symptom=True,
        )


def stays(seen: Observation, faint: Layer) -> bool:
    """Return whether what comes after a faint layer is faint too, as it is not beside a branch that begins so."""
    later = seen.layers[seen.layers.index(faint) + 1 :]
    return 2 * sum(layer.second_moment < LEFT * seen.layers[0].second_moment for layer in later) >= len(later)


def explodes(seen: Observation) -> Iterator[Cause]:
    """Find the layer from which the signal is too loud, or no number any more."""
    loud = next((layer for layer in seen.layers if not layer.second_moment < LOUD), None)
    if loud is None or not seen.inputs.finite:
        return
    per_sum = ""
    if seen.wiring.sums > 3 and math.isfinite(loud.second_moment):
        per_sum = (
            f", {loud.second_moment ** (1 / seen.wiring.sums):.2f} times at each of {seen.wiring.sums} sums"
        )
    yield Cause(
        name="signal explodes",
        evidence=f"the second moment reaches {loud.second_moment:.1e}{per_sum}",
        layer=loud.name,
        harm=0.85,
        symptom=True,
    )


def dead(seen: Observation) -> Iterator[Cause]:
    """Find a layer of units that are off for every sample."""
    for layer in seen.layers:
        if (
            not layer.weighted
            and layer.zeros > DEAD
            and layer.kind in ("ReLU", "ReLU6", "LeakyReLU", "Threshold")
        ):
            yield Cause(
                name="dead units",
                evidence=f"{100 * layer.zeros:.1f} % of what leaves the layer is zero",
                layer=layer.name,
                harm=0.9,
                symptom=True,
            )
            return


def saturates(seen: Observation) -> Iterator[Cause]:
    """Find the first tanh or sigmoid that stands at its ends."""
    for layer in seen.layers[:-1]:
        if layer.saturated is not None and layer.saturated > SATURATED:
            yield Cause(
                name="saturated units",
                evidence=f"{100 * layer.saturated:.0f} % of what leaves the {layer.kind.lower()} is at its ends, "
                "where its slope is under 6 %",
                layer=layer.name,
                harm=0.85,
                symptom=True,
            )
            return


def collapses(seen: Observation) -> Iterator[Cause]:
    """Find the layer from which all samples look alike."""
    if seen.inputs.alike > 0.5 or len(seen.layers) < 3:
        return
    lost = next(
        (layer for place, layer in enumerate(seen.layers[:-1]) if forgets(layer) and carries(seen, place)),
        None,
    )
    if lost is not None and lost.spread is not None:
        yield Cause(
            name="samples collapse",
            evidence=f"only {lost.spread:.1e} of the second moment still differs between samples",
            layer=lost.name,
            harm=0.8,
            symptom=True,
        )


def forgets(layer: Layer) -> bool:
    """Return whether samples are alike after a layer whose signal is there."""
    return layer.spread is not None and layer.spread < ALIKE and layer.second_moment > 0


def carries(seen: Observation, place: int) -> bool:
    """Return whether a layer carries samples at all: what comes after it has forgotten them too.

    What is made of places, times or a token of classes is the same for each sample, and stands beside them.
    """
    later = [layer for layer in seen.layers[place + 1 :] if layer.spread is not None]
    return all(forgets(layer) or not layer.second_moment for layer in later)


def drops_out(seen: Observation) -> Iterator[Cause]:
    """Find a dropout that leaves next to nothing of what it is given."""
    most = max((layer.drops for layer in seen.layers), default=0.0)
    # Where nothing goes past them what one leaves the next takes from; of a half each many train.
    strong = [layer for layer in seen.layers if layer.drops > STRONG] if not seen.wiring.sums else []
    left = math.prod(1 - layer.drops for layer in strong)
    if most > DROPS or left < KEPT:
        first = next(layer for layer in seen.layers if layer.drops > (DROPS if most > DROPS else STRONG))
        part = f"{100 * most:.3g} %" if most > DROPS else f"by and by {100 * (1 - left):.3g} %"
        yield Cause(
            name="dropout leaves next to nothing",
            evidence=f"{part} of what it is given is set to 0; what is kept is meant to be its counterpart",
            layer=first.name,
            harm=0.75,
        )


RULES = (dies, explodes, dead, saturates, collapses, drops_out)
