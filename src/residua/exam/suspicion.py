"""What is said where no rule is sure, and what was weighed speaks against a network all the same."""

from collections.abc import Iterator

from residua.exam.cause import Cause
from residua.exam.features import features, shortened
from residua.exam.observation import Observation
from residua.exam.rules.gradient import DEEP

LOUD = 10.0
"""Times the loss of the best answer that looks at nothing, from which a first loss is far off."""
FEW = 4
"""Samples that say little of all others."""
UNSTEADY = 0.85
"""Coherence below which hardly a network trains."""
FADED = 1e-4
"""Of the most that any layer's weights change the loss in proportion, what those of the first ones do."""


def suspicions(seen: Observation) -> Iterator[Cause]:
    """Find what may keep a network from training, the surest first; each is a symptom."""
    for rule in (starved, far_off, unsteady, faded, squeezed):
        yield from rule(seen)


def starved(seen: Observation) -> Iterator[Cause]:
    """Suspect a batch of hardly any samples, whose norms take each for what is usual."""
    working = [norm for norm in seen.norms if norm.training and norm.values]
    if working and seen.samples <= FEW:
        yield Cause(
            name="batch too small for its norm",
            evidence=f"{seen.samples} samples are all that its norms see at a step",
            layer=working[0].name,
            harm=0.6,
            symptom=True,
        )


def far_off(seen: Observation) -> Iterator[Cause]:
    """Suspect a start whose answers are far from any that make sense."""
    blind, value = seen.first_step.blind, seen.loss.value
    if seen.samples > FEW and blind > 0 and value > LOUD * blind:
        loudest = max(seen.weighted, key=lambda layer: layer.second_moment, default=None)
        yield Cause(
            name="signal explodes",
            evidence=f"the first loss is {value:.3g}, and an answer that looks at nothing costs {blind:.3g}",
            layer=loudest.name if loudest else None,
            harm=0.5,
            symptom=True,
        )


def unsteady(seen: Observation) -> Iterator[Cause]:
    """Suspect a gradient that is not coherent in a deep network without shortcuts."""
    found = features(seen)
    if (
        seen.coherence is not None
        and seen.depth >= DEEP
        and not shortened(seen)
        and found.coherence < UNSTEADY
    ):
        yield Cause(
            name="gradient shatters",
            evidence=f"after a step that should take 1 % off the loss its cosine with itself is "
            f"{found.coherence:.2f}; {seen.depth} layers, and shortcuts go past few of them",
            harm=0.5,
            symptom=True,
        )


def faded(seen: Observation) -> Iterator[Cause]:
    """Suspect first layers whose weights say next to nothing of the loss."""
    pulls = [layer.pull for layer in seen.weighted if layer.pull is not None]
    if len(pulls) > 2 and pulls[0] < FADED * max(pulls):
        yield Cause(
            name="gradient vanishes",
            evidence=f"the weights of the first layer change the loss, in proportion, {pulls[0] / max(pulls):.0e} as "
            "much as those of others",
            layer=seen.weighted[0].name,
            harm=0.5,
            symptom=True,
        )


def squeezed(seen: Observation) -> Iterator[Cause]:
    """Suspect sigmoids between layers, of which each passes a quarter of the gradient at most."""
    sigmoids = [layer for layer in seen.layers[:-1] if layer.kind == "Sigmoid"]
    if len(sigmoids) > 1 and 2 * len(sigmoids) >= seen.depth:
        yield Cause(
            name="gradient vanishes",
            evidence=f"{len(sigmoids)} sigmoids stand between {seen.depth} layers, and each passes a quarter of the "
            "gradient at most",
            layer=sigmoids[-1].name,
            harm=0.5,
            symptom=True,
        )
