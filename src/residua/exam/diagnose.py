"""One look at a network and the judgement of it: verdict, causes, and what is worth knowing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, final

import torch.nn.functional as F
from torch import nn

from residua.exam.calling import nothing_recomputed, refuse_batch, uncompiled
from residua.exam.cause import Cause
from residua.exam.features import Features, features
from residua.exam.few import mixed
from residua.exam.observation import Observation
from residua.exam.observe import observe
from residua.exam.packing import Batch, module_of, packed
from residua.exam.probe import follows, probe
from residua.exam.rules import RULES
from residua.exam.rules.labels import apart, unrelated
from residua.exam.rules.normalisation import lagging
from residua.exam.rules.strides import CREEPS, creeps, drowns, overshoots
from residua.exam.schedule import foretold
from residua.exam.several import Moving, as_one
from residua.exam.suspicion import suspicions
from residua.exam.trial import ProbeRow
from residua.exam.verdict import (
    LEADS_NOWHERE,
    LIKELY,
    USUAL,
    Verdict,
    diverging,
    nowhere,
    probability,
    rates,
    unexplained,
    verdict,
)
from residua.look import Loss, untouched

Depth = Literal["still", "probe"]

REFUTES = 0.95
"""Probability after a probe from which a symptom is a note: its steps led somewhere all the same."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What an exam says of a network.

    Attributes:
        verdict: "trains", "slow" or "does not train".
        probability: that it trains.
        steps: of the training that the verdict is about.
        causes: what keeps it from training, the most harmful first.
        notes: what is worth knowing and no fault.
        features: what the verdict weighed.
        probed: the steps of the probe; none after a still exam.
        seen: everything that was observed.
    """

    verdict: Verdict
    probability: float
    steps: int
    causes: tuple[Cause, ...]
    notes: tuple[Cause, ...]
    features: Features
    probed: tuple[ProbeRow, ...]
    seen: Observation


def diagnose(
    model: nn.Module,
    batch: Batch,
    *,
    loss: Loss = F.cross_entropy,
    optimizer: Moving | None = None,
    depth: Depth = "probe",
    steps: int = USUAL,
) -> Diagnosis:
    """Look at a model and judge it; the model is left exactly as it was.

    Args:
        model: any PyTorch module, in the mode in which it will train.
        batch: inputs and targets, each one tensor or several by name or in a row, 100 samples or more if there are;
            the network sees the first 64 at most.
        loss: from what the model gives, one tensor or several by name or in a row, and the targets to one number.
        optimizer: the one that will train it, or several with a part of the weights each, if there is one yet.
        depth: "still" looks at one batch forward and backward; "probe" also takes steps on copies.
        steps: that the training is to take; the verdict is about a training of this length.

    Raises:
        BadInput: the model cannot take the batch, or cannot be copied; two optimisers move the same weight.
    """
    model, one = uncompiled(model), as_one(optimizer)
    probed: tuple[ProbeRow, ...] = ()
    with (
        packed(model, batch, loss) as (examples, judged),
        foretold(one, steps),
        untouched(module_of(loss)),
        nothing_recomputed(),
    ):
        refuse_batch(model, examples)
        examples = mixed((examples[0].detach(), examples[1].detach()))
        seen = observe(model, examples, loss=judged, optimizer=one)
        if depth == "probe" and seen.coherence is not None:
            if apart(seen) or any(unrelated(seen)):
                seen = replace(seen, inputs=replace(seen.inputs, taught=follows(model, examples, judged)))
            probed = probe(model, examples, loss=judged, optimizer=one, against=seen.loss.reads_targets)
    return judge(seen, probed, steps=steps)


def judge(seen: Observation, probed: tuple[ProbeRow, ...], *, steps: int = USUAL) -> Diagnosis:
    """Return what is to be said of a network that was looked at, with the rows of a probe or with none."""
    found = features(seen)
    ruled = [*(cause for rule in RULES for cause in rule(seen)), *lagging(seen, steps)]
    # A gradient that is next to none makes steps of no length, and a rate that is next to none is named already.
    if not any(cause.symptom or cause.name == CREEPS for cause in ruled):
        ruled += [*creeps(seen, steps, probed), *drowns(seen)]
    # A probe sees better what steps do to the loss.
    ruled += diverging(probed) if probed else overshoots(seen)
    stuck = tuple(nowhere(probed))
    likely = probability(found, probed, [*distinct(ruled), *stuck], steps=steps)
    # A rate at which a network trains is neither too high nor too low, whatever another one does.
    leaps = [replace(cause, symptom=True) for cause in overshoots(seen, failed=True)] if probed else []
    named = ranked(ruled if likely >= LIKELY else [*leaps, *ruled, *rates(probed), *stuck])
    if likely < LIKELY and all(cause.note or cause.name == LEADS_NOWHERE for cause in named):
        named = ranked([*suspicions(seen), *named])
    if likely < LIKELY and all(cause.note for cause in named):
        named = [*named, unexplained(found, probed)]
    if probed and likely >= REFUTES:
        named = [replace(cause, harm=0.0) if cause.symptom else cause for cause in named]
    return Diagnosis(
        verdict=verdict(likely),
        probability=likely,
        steps=steps,
        causes=tuple(cause for cause in named if not cause.note),
        notes=tuple(cause for cause in named if cause.note),
        features=found,
        probed=probed,
        seen=seen,
    )


def distinct(causes: Iterable[Cause]) -> list[Cause]:
    """Return each cause once, as it harms most: two rules may find the same."""
    return list({cause.name: cause for cause in sorted(causes, key=lambda cause: cause.harm)}.values())


def ranked(causes: Iterable[Cause]) -> list[Cause]:
    """Return the causes, symptoms after what may explain them, then the most harmful first; low rates last of these.

    A probe that names a learning rate says it better than its setting alone.
    """
    last = {cause.name: cause for cause in causes}
    return sorted(last.values(), key=lambda cause: (cause.symptom, cause.name == CREEPS, -cause.harm))
