"""What goes wrong with the steps that an optimiser takes in this very network, however usual its settings look."""

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from residua.exam.cause import Cause
from residua.exam.observation import ADAPTIVE, Observation
from residua.exam.strides import travelled
from residua.exam.trial import ProbeRow

BARE, NORMED = 10.0, 100.0
"""Times the loss that one step at a rate that fits does not add to that of its own batch. Without norms it adds none.
They forgive a leap, since the size of the weights before them is all one: of ResNet-110 with SGD at 0.1, the usual
recipe, on photos of two classes it adds up to 43 times the loss."""
SUSPECT = 2.0
"""The same where a probe says that the network comes to nothing, so that only the reason is asked for."""
COUPLED: Final = ("SGD", "Adam", "RMSprop", "NAdam", "RAdam", "Adagrad", "Adadelta")
"""Optimisers in which decay is a part of the gradient."""
DROWNED = 20.0
"""Times the gradient of the loss, in the matrix in the middle; 1 is reached at the end of many a training."""
CREEPS: Final = "learning rate too low"
"""What a gradient may be too small for, for many other reasons."""
AT_ONCE: Final = 20
"""Part of the training within which a probe has learned enough, so that its rate cannot be too low."""
NEW, TRAINED = {True: 0.08, False: 0.15}, 0.02
"""Of their size, what weights have to move in a whole training at the least: those that were just drawn at random (of
some eighty healthy trainings of all kinds all but one went twice their size and more, and rows of layers learn with
SGD at .4 and come half of the way at .1; steps of adaptive optimisers are as long when the gradient has grown small),
and others, which know something already."""
LEARNED = 0.3
"""Of the loss of an answer that looks at nothing, below which there is little left to learn."""


def overshoots(seen: Observation, *, failed: bool = False) -> Iterator[Cause]:
    """Find a rate at which the first step leaves its own batch far worse than it was.

    Args:
        seen: what the still exam saw.
        failed: a probe says that the network comes to nothing.
    """
    rise, found = seen.own_step, seen.optimisation
    most = SUSPECT if failed else NORMED if any("Norm" in layer.kind for layer in seen.layers) else BARE
    if rise is not None and found is not None and not found.climbs and rise > most:
        much = (
            f"adds {rise:,.0f} times the loss to that of its own batch"
            if math.isfinite(rise)
            else "ends in no number"
        )
        yield Cause(
            name="learning rate too high",
            evidence=f"a first step of {found.kind}, at a rate of {found.lr:g}, {much}",
            harm=0.7,
        )


def drowns(seen: Observation) -> Iterator[Cause]:
    """Find a decay that is part of the gradient and far more than the rest of it, so that no step learns anything."""
    found = seen.optimisation
    if found is None or found.kind not in COUPLED or found.decoupled or not found.weight_decay:
        return
    moved = [w for w in seen.weights if w.matrix and w.trainable and w.gradient]
    times = median(found.weight_decay * w.size / w.gradient for w in moved) if moved else 0.0
    if times > DROWNED:
        yield Cause(
            name="weight decay swallows the weights",
            evidence=f"what decay {found.weight_decay:g} adds to the gradient of a matrix is {times:.2g} times what "
            "the loss asks for",
            harm=0.7,
        )


def creeps(seen: Observation, steps: int, probed: Sequence[ProbeRow]) -> Iterator[Cause]:
    """Find a rate with which the weights stay about where they are for all of a training.

    Args:
        seen: what the still exam saw.
        steps: that the training is to take.
        probed: the rows of a probe, or none.
    """
    way = travelled(seen, steps)
    found = seen.optimisation
    if way is None or found is None or seen.loss.value < LEARNED * seen.first_step.blind:
        return
    matrices = [weight for weight in seen.weights if weight.matrix and weight.trainable]
    new = 2 * sum(weight.count for weight in matrices if weight.new) > sum(
        weight.count for weight in matrices
    )
    own = next((row for row in probed if row.factor == 1), None)
    least = NEW[found.kind in ADAPTIVE] if new else TRAINED
    if way < least and (own is None or own.pace * AT_ONCE > steps):
        yield Cause(
            name=CREEPS,
            evidence=f"in {steps:,} steps such as the first, at {found.lr:g}, weights move by "
            f"{100 * way:.2g} % of their size",
            harm=0.8 if way < least / 3 else 0.6,
        )
