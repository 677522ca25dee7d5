"""What is healthy for this architecture at this depth: the same network, drawn anew so that it trains.

There are no absolute constants in it. The weights of a copy are drawn after He and levelled until the signal keeps its
size; a plain row of layers gets shortcuts besides, without which no start of it is healthy. Between the least and the
most of some such copies lies the band.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch.nn.functional as F
from torch import nn

from residua.exam.calling import uncompiled
from residua.exam.observation import Observation
from residua.exam.observe import observe
from residua.exam.packing import Batch, packed
from residua.exam.treatments import Patient
from residua.exam.treatments.rescale import rescale
from residua.exam.treatments.shortcuts import add_shortcuts
from residua.exam.waking import duplicate
from residua.look import Examples, Loss, seeded

DRAWS = 3


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Depths:
    """Three curves over the layers that hold kernels or matrices, from the input to the output.

    Attributes:
        signal: mean square of what leaves the layer.
        gradient: mean square of the gradient there.
        coherence: of the gradient of its weights, a cosine.
    """

    signal: tuple[float, ...]
    gradient: tuple[float, ...]
    coherence: tuple[float, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """What healthy copies show, layer by layer.

    Attributes:
        low: the least of them.
        high: the most of them.
        words: how the copies were made.
    """

    low: Depths
    high: Depths
    words: str


def depths(seen: Observation) -> Depths:
    """Return the curves of one look.

    A layer without a gradient, or without weights that were compared, counts as 0.
    """
    layers = [layer for layer in seen.layers if layer.weighted]
    cosines = dict(seen.coherence.tensors) if seen.coherence else {}
    return Depths(
        signal=tuple(layer.second_moment for layer in layers),
        gradient=tuple(layer.gradient or 0.0 for layer in layers),
        coherence=tuple(cosines.get(f"{layer.name}.weight".lstrip("."), 0.0) for layer in layers),
    )


def healthy_bands(model: nn.Module, batch: Batch, *, loss: Loss = F.cross_entropy) -> Bands | None:
    """Return what healthy copies of a model look like; None for one whose layers cannot be drawn anew.

    Args:
        model: any; it is left as it was.
        batch: inputs and targets, as for `examine`.
        loss: from outputs and targets to one number.

    Raises:
        BadInput: the model cannot take the batch, or cannot be copied.
    """
    model = uncompiled(model)
    with packed(model, batch, loss) as (examples, judged):
        return bands(model, examples, judged)


def bands(model: nn.Module, batch: Examples, loss: Loss) -> Bands | None:
    """Return what healthy copies of a model that takes one tensor look like."""
    found: list[Depths] = []
    made: list[str] = []
    seen = observe(model, batch, loss=loss, optimizer=None)
    for draw in range(DRAWS):
        patient = Patient(model=duplicate(model).train(), optimizer=None, batch=batch, loss=loss, seen=seen)
        with seeded(patient.model, draw):
            drawn = rescale(patient)
            shortened = add_shortcuts(patient) if not seen.wiring.sums else None
        if drawn is None:
            return None
        made = [
            "weights drawn after He and levelled",
            *(["with shortcuts around pairs"] if shortened else []),
        ]
        found.append(depths(observe(patient.model, batch, loss=loss, optimizer=None)))
    own = depths(seen)
    if any(len(one.signal) != len(own.signal) for one in found):
        return None
    return Bands(
        low=between(found, min), high=between(found, max), words=f"{DRAWS} copies, {', '.join(made)}"
    )


def between(found: Sequence[Depths], choose: Callable[[list[float]], float]) -> Depths:
    """Return the least or the most of some curves, layer by layer."""
    return Depths(
        signal=tuple(choose(values) for values in columns([one.signal for one in found])),
        gradient=tuple(choose(values) for values in columns([one.gradient for one in found])),
        coherence=tuple(choose(values) for values in columns([one.coherence for one in found])),
    )


def columns(curves: Sequence[tuple[float, ...]]) -> list[list[float]]:
    """Return the finite values of each layer; 0 where there are none."""
    return [[v for v in values if math.isfinite(v)] or [0.0] for values in zip(*curves, strict=True)]
