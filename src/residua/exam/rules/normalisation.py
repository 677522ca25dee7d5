"""What goes wrong with norms: the mode, the batch, and what they remember."""

import math
from collections.abc import Iterator

from residua.exam.cause import Cause
from residua.exam.observation import Norm, Observation

FEWEST = 2
"""Values a channel below which its variance over the batch is zero or undefined."""
FEW = 8
GAP = 0.5
LEFT = 0.01
"""Share of their start that running statistics may still hold when a network is used."""
MUCH = 0.05
"""Share of it with which a deep network hardly answers at all."""
SETTLED = 20
"""Batches after which running statistics should be near those of the batch."""


def evaluating(seen: Observation) -> Iterator[Cause]:
    """Find batch norms in evaluation mode within a network that is training."""
    still = [norm for norm in seen.norms if not norm.training]
    every = len(still) == len(seen.norms) and all(weight.trainable for weight in seen.weights)
    # Statistics that were followed and are then kept are somebody's choice; those of the start are nobody's.
    known = all(norm.seen is not None and norm.seen >= max(SETTLED, followed(norm)) for norm in still)
    if seen.training and still:
        yield Cause(
            name="norm in evaluation mode",
            evidence=f"{len(still)} of {len(seen.norms)} batch norms use their running statistics while the "
            "network trains; if their backbone is frozen on purpose, all is well",
            layer=still[0].name,
            harm=0.3 if every and not known else 0.0,
        )
    elif not seen.training and seen.norms:
        yield Cause(
            name="norm in evaluation mode",
            evidence="the whole network is in evaluation mode: call .train() before training",
            layer=seen.norms[0].name,
            harm=0.3,
        )


def starving(seen: Observation) -> Iterator[Cause]:
    """Find norms whose channels have too few values in a batch."""
    working = [norm for norm in seen.norms if norm.training and norm.values]
    fewest = min(working, key=lambda norm: norm.values, default=None)
    if fewest is None or fewest.values > FEW or seen.samples > 4:
        return
    yield Cause(
        name="batch too small for its norm",
        evidence=f"{seen.samples} samples leave {fewest.values} values a channel to take a variance of",
        layer=fewest.name,
        harm=0.9 if fewest.values < FEWEST else 0.5,
    )


def remembering(seen: Observation) -> Iterator[Cause]:
    """Find running statistics that cannot be used, and a momentum that makes them those of the last batch."""
    broken = next((norm for norm in seen.norms if not norm.finite), None)
    if broken is not None:
        yield Cause(
            name="running statistics broken",
            evidence="a running mean or variance is not finite, or a variance is negative",
            layer=broken.name,
            harm=0.7,
        )
    swapped = [norm for norm in seen.norms if norm.momentum is not None and not 0 < norm.momentum <= 0.9]
    if swapped:
        yield Cause(
            name="running statistics broken",
            evidence=f"a momentum of {swapped[0].momentum:g}: PyTorch's is the share of the new batch, 0.1 by "
            "default, and not that of the past",
            layer=swapped[0].name,
            harm=0.3 if swapped[0].momentum else 0.85,
        )


def parting(seen: Observation) -> Iterator[Cause]:
    """Find a network that gives something else in evaluation mode than in training mode."""
    followed_by = [norm for norm in seen.norms if norm.seen is not None]
    settled = [norm for norm in followed_by if (norm.seen or 0) >= max(SETTLED, followed(norm))]
    # Of a new head on a trained body the statistics are those of the start, and will not stay so.
    if (
        settled
        and len(settled) == len(followed_by)
        and seen.outputs.gap is not None
        and seen.outputs.gap > GAP
    ):
        yield Cause(
            name="train and evaluation differ",
            evidence=f"in evaluation mode the outputs are {100 * seen.outputs.gap:.0f} % away from those in "
            f"training mode, after {settled[0].seen:,} batches",
            layer=settled[0].name,
            harm=0.2,
        )


def followed(norm: Norm) -> int:
    """Return after how many batches next to nothing of the start is left in the statistics of a norm."""
    if norm.momentum is None or not 0 < norm.momentum < 1:
        return 0
    return math.ceil(math.log(LEFT) / math.log1p(-norm.momentum))


def lagging(seen: Observation, steps: int) -> Iterator[Cause]:
    """Find running statistics that will still be those of the start when a training of so many steps ends.

    A network then scores by chance in evaluation mode, however well it has learned.
    """
    # Statistics that were loaded without their count are somebody's, and those of a norm that does not train stay.
    following = [norm for norm in seen.norms if norm.training and (norm.fresh or norm.seen)]
    slow = [norm for norm in following if norm.momentum is not None and 0 < norm.momentum < 0.05]
    if not slow:
        return
    slowest = min(slow, key=lambda norm: norm.momentum or 1.0)
    assert slowest.momentum is not None
    needed = followed(slowest) - (slowest.seen or 0)
    if needed > 0:
        yield Cause(
            name="running statistics follow slowly",
            evidence=f"with a momentum of {slowest.momentum:g} it takes {needed:,} more steps until they are those of "
            "the pictures; before that the network scores by chance in evaluation mode, however well it has learned",
            layer=slowest.name,
            harm=0.0 if needed <= steps else 0.7 if (1 - slowest.momentum) ** steps > MUCH else 0.3,
        )


RULES = (evaluating, starving, remembering, parting)
