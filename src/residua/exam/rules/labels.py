"""What goes wrong between the outputs, the loss and the labels."""

import math
from collections.abc import Iterator

from residua.exam.cause import Cause
from residua.exam.observation import SCALE_FREE, Observation

FEWEST = 64
"""Labels that tell what is wanted, below which a batch says little; marks drawn into a few pictures are more."""
CHANCE = 2.5
"""Deviations over chance below which neighbours say nothing of the label; one shuffled batch in thirty is above."""
REACH = 0.1
"""Beyond 0 and 1, what targets of shares may have by rounding or noise."""
PERVERSE = 3.0
"""Times as much as wrong answers that right ones cost."""
CUT = 0.3
"""Share of the outputs that are exactly 0, from which a ReLU has cut them and nothing was averaged after it: half."""
LARGE = 100.0
"""Times what a network gives at first, or 1: so far no usual steps bring its answers."""
ON_EDGES = 2.0
"""The same of the edges of pictures and masks."""


def doubled(seen: Observation) -> Iterator[Cause]:
    """Find a softmax or a sigmoid before a loss that applies one itself, and outputs that are no logarithms."""
    outputs, loss = seen.outputs, seen.loss
    last = seen.layers[-1].name if seen.layers else None
    wanted = "softmax" if loss.softmax else "sigmoid" if loss.sigmoid else None
    squashed = outputs.unit_interval and outputs.size > 0 and not outputs.sums_over_batch
    given = "softmax" if outputs.sums_to_one else "sigmoid" if squashed else None
    if given and wanted:
        signs = {
            "softmax": "the outputs are probabilities that add up to 1",
            "sigmoid": "all outputs lie between 0 and 1",
        }
        applies = {
            "softmax": "gives the same when all of them grow by 1, so it applies a softmax of its own; the gradient is "
            "a tenth of what it should be",
            "sigmoid": "wants them far beyond: it applies a sigmoid of its own",
        }
        yield Cause(
            name=f"{given} before a loss that applies {'one' if given == wanted else f'a {wanted}'}",
            evidence=f"{signs[given]}, and the loss {applies[wanted]}",
            layer=last,
            harm=0.1 if wanted == "softmax" else 0.35,
        )
    elif loss.rewards_outputs and (outputs.unit_interval or loss.floorless):
        yield Cause(
            name="loss needs logarithms of probabilities",
            evidence="the loss falls by 1 when all outputs grow by 1, without end",
            harm=0.2 if outputs.unit_interval else 0.8,
        )


def over_batch(seen: Observation) -> Iterator[Cause]:
    """Find a softmax over the samples, where one over the classes is meant."""
    if seen.outputs.sums_over_batch:
        yield Cause(
            name="softmax over the batch",
            evidence="the outputs of each class add up to 1 over the samples, so each depends on all others; the "
            "classes of one sample stand on axis 1",
            layer=seen.layers[-1].name if seen.layers else None,
            harm=0.5,
        )


def endless(seen: Observation) -> Iterator[Cause]:
    """Find a loss that can be brought down without end, and never tells right from wrong."""
    climbs = seen.optimisation is not None and seen.optimisation.climbs
    if seen.loss.floorless and not (seen.loss.rewards_outputs or seen.loss.overreached or climbs):
        yield Cause(
            name="loss has no floor",
            evidence="it falls far below 0 as the outputs grow: its sign is wrong, or it wants no logits",
            harm=0.8,
        )


def perverse(seen: Observation) -> Iterator[Cause]:
    """Find a loss that has a floor and is smaller for wrong answers than for right ones, and for any one answer.

    Or far smaller than for right ones. Of targets that are coded otherwise than an answer is, what passes for right
    costs more too, and so does all else.
    """
    loss, climbs = seen.loss, seen.optimisation is not None and seen.optimisation.climbs
    cheap = loss.wrong < seen.first_step.blind or PERVERSE * loss.wrong < loss.right
    if loss.falls is False and not climbs and not loss.floorless and cheap:
        yield Cause(
            name="loss rewards wrong answers",
            evidence=f"it is {loss.right:.3g} for the right answers, and {loss.wrong:.3g} for those of other samples: "
            "its sign is wrong, or it is one to be made large",
            harm=0.85,
        )


def beyond_range(seen: Observation) -> Iterator[Cause]:
    """Find targets that a loss of shares cannot mean."""
    if seen.loss.overreached:
        yield Cause(
            name="targets out of range",
            evidence=f"targets from {seen.targets.least:g} to {seen.targets.most:g}: for shares from 0 to 1 the loss "
            "has a floor, and for these it falls without end as the outputs grow",
            harm=0.8,
        )
    elif beyond_reach(seen):
        yield Cause(
            name="targets out of range",
            evidence=f"targets from {seen.targets.least:.3g} to {seen.targets.most:.3g}, and the last operation gives "
            f"nothing below {0 if seen.outputs.unit_interval else -1} or above 1",
            layer=seen.layers[-1].name if seen.layers else None,
            harm=0.4 if -1 <= seen.targets.mean <= 1 else 0.8,
        )


def beyond_reach(seen: Observation) -> bool:
    """Return whether answers held up to 1 are to be numbers, of which the usual ones lie elsewhere."""
    targets, outputs = seen.targets, seen.outputs
    if targets.kind != "numbers" or not seen.loss.falls or not (outputs.unit_interval or outputs.within_one):
        return False
    low = max(targets.least, targets.mean - targets.deviation)
    high = min(targets.most, targets.mean + targets.deviation)
    return low < (0 if outputs.unit_interval else -1) - REACH or high > 1 + REACH


def oversized(seen: Observation) -> Iterator[Cause]:
    """Find numbers to be given that are far larger than what a network gives at first."""
    targets, given = seen.targets, seen.outputs.size
    size = math.hypot(targets.mean, targets.deviation)
    wide = 3 if len(seen.outputs.shape) > 2 else 1  # pixels go up to 255
    if targets.kind == "numbers" and seen.loss.attains and size > wide * LARGE * max(1.0, given):
        yield Cause(
            name="targets are not scaled",
            evidence=f"they have mean {targets.mean:.3g} and deviation {targets.deviation:.3g}, and the network gives "
            f"numbers of about {given:.2g}",
            harm=0.5,
        )


def rectified(seen: Observation) -> Iterator[Cause]:
    """Find answers that went through a ReLU where something below 0 is wanted, as of logits it is."""
    targets, zeros = seen.targets, seen.outputs.zeros
    below = targets.kind == "numbers" and targets.least < 0
    if CUT < zeros < 1 and (below or (targets.kind != "numbers" and seen.loss.softmax)):
        wanted = f"the targets go down to {targets.least:.3g}" if below else "logits lie on both sides of 0"
        yield Cause(
            name="answers pass a ReLU",
            evidence=f"{100 * zeros:.0f} % of the outputs are 0 and none is below, and {wanted}; what is 0 for all "
            "samples has no gradient any more",
            layer=seen.layers[-1].name if seen.layers else None,
            harm=0.5 if below else 0.3,
        )


def crossed(seen: Observation) -> Iterator[Cause]:
    """Find a loss that PyTorch has let compare everything with everything."""
    if seen.loss.crosses:
        shapes = seen.outputs.shape, (seen.outputs.shape[0], *seen.targets.shape[1:])
        outputs, targets = (" × ".join(map(str, shape)) for shape in shapes)
        yield Cause(
            name="loss compares every output with every target",
            evidence=f"it is all one to it in which order the targets stand: outputs of {outputs} are spread against "
            f"targets of {targets}; give both one shape",
            harm=0.6,
        )


def broken(seen: Observation) -> Iterator[Cause]:
    """Find targets that are no numbers."""
    if not seen.targets.finite and seen.loss.reads_targets:
        yield Cause(
            name="targets are not finite",
            evidence="the batch holds targets that are infinite or not a number",
            harm=1.0,
        )


def out_of_range(seen: Observation) -> Iterator[Cause]:
    """Find labels that are no class of the network."""
    targets, shape = seen.targets, seen.outputs.shape
    classes = shape[1] if len(shape) > 1 else 0
    if targets.refused:
        begins = targets.least >= 1 and targets.most == classes
        labels = f"labels from {targets.least:.0f} to {targets.most:.0f}"
        if not targets.beyond(classes):
            labels += (
                f", and {100 * targets.void:.2g} % that stand for no class, which the loss does not leave out"
            )
        yield Cause(
            name="labels out of range",
            evidence=f"{labels}, for {classes} outputs, 0 to {classes - 1}"
            + ("; they begin at 1" if begins else ""),
            harm=1.0,
        )


def alone(seen: Observation) -> Iterator[Cause]:
    """Find a batch in which there is nothing to tell apart."""
    targets = seen.targets
    if not seen.loss.reads_targets and not targets.void:
        return
    if targets.void == 1:
        yield Cause(
            name="everything is void",
            evidence="every label of the batch stands for no class, and the loss leaves all of it out",
            harm=1.0,
        )
    elif targets.kind != "numbers" and targets.classes == 1 and math.prod(targets.shape) > 3:
        yield Cause(
            name="one class only",
            evidence=f"every label of the batch is {targets.least:.0f}",
            harm=0.9,
        )
    elif targets.void > 0.95 and (1 - targets.void) * math.prod(targets.shape) < FEWEST:
        yield Cause(
            name="almost everything is void",
            evidence=f"{100 * targets.void:.1f} % of the labels stand for no class, and few are left",
            harm=0.3,
        )


def apart(seen: Observation) -> bool:
    """Return whether neighbours have no more in common than any two samples, and nothing shows that it means little."""
    agreement = seen.inputs.agreement
    if agreement is None or not seen.inputs.deviation or seen.inputs.taught or not seen.loss.reads_targets:
        return False
    return agreement < CHANCE


def plain(seen: Observation) -> bool:
    """Return whether neighbours alone say something: of classes and measurements they do."""
    return seen.targets.kind == "classes" and seen.inputs.numbers


def unrelated(seen: Observation) -> Iterator[Cause]:
    """Find labels or masks that have nothing to do with the inputs that they stand beside."""
    agreement, edges = seen.inputs.agreement, seen.inputs.edges
    if apart(seen) and (plain(seen) or seen.inputs.taught is False):
        alike = (
            "samples near to one another, and alike to the network, have the same label no more often"
            if plain(seen)
            else "the nearest other sample is no nearer to it in what it should give"
        )
        yield Cause(
            name="labels do not follow the inputs",
            evidence=f"{alike} than by chance ({agreement:+.1f} deviations from it, over "
            f"{seen.inputs.shape[0]} samples)",
            harm=0.6,
        )
    if not seen.loss.reads_targets:
        return
    if seen.inputs.turned is not None:
        way, then = seen.inputs.turned
        yield Cause(
            name="masks out of step",
            evidence=f"{way}, the masks would lie better on the edges of their pictures by {then:.1f} "
            "deviations",
            harm=0.6,
        )
    elif edges is not None and edges < ON_EDGES and not seen.inputs.taught:
        yield Cause(
            name="masks out of step",
            evidence="the pictures change no more on the edges of their own masks than on those of others "
            f"({edges:+.1f} deviations)",
            harm=0.6,
        )


def lost(seen: Observation) -> Iterator[Cause]:
    """Find outputs or a loss that are no numbers, and a loss that grows with the batch."""
    given = (
        seen.outputs.finite
        and seen.inputs.finite
        and seen.targets.finite
        and seen.targets.void < 1
        and not any(out_of_range(seen))
    )
    if given and not math.isfinite(seen.loss.value):
        yield Cause(
            name="loss is not finite",
            evidence=f"the loss is {seen.loss.value} for outputs that are finite",
            harm=0.95,
        )
    if seen.loss.adds_up:
        # A step of Adam is as long for a loss of any size.
        depends = seen.optimisation is None or seen.optimisation.kind not in SCALE_FREE
        yield Cause(
            name="loss grows with the batch",
            evidence="the loss of the batch is the sum of that of its halves, so a learning rate fits one batch size "
            "only",
            harm=0.3 if depends else 0.05,
        )


RULES = (
    broken,
    doubled,
    over_batch,
    endless,
    perverse,
    beyond_range,
    oversized,
    rectified,
    crossed,
    out_of_range,
    alone,
    unrelated,
    lost,
)
