"""Treat a copy of a network, cause by cause, and keep what makes it more likely to train."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import torch
import torch.nn.functional as F
from torch import nn

from residua.errors import BadInput
from residua.exam.calling import REFUSALS, uncompiled
from residua.exam.diagnose import Depth, Diagnosis, diagnose
from residua.exam.packing import Batch, packed, unpacked
from residua.exam.schedule import foretold, untold
from residua.exam.several import Moving, as_one
from residua.exam.treatments import TREATMENTS, Patient, Treatment
from residua.exam.verdict import USUAL
from residua.exam.waking import duplicate, duplicate_both
from residua.look import Loss, seeded

Look = Callable[..., Diagnosis]
"""An exam of a model with an optimiser; everything else of it is set."""

ROUNDS = 4
"""Treatments that are kept at most, one after another."""
GAIN = 0.02
"""A treatment must add this much to the probability, or take a cause away and cost none of it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One treatment that was tried on a copy, and what it did.

    Attributes:
        cause: that it is for.
        words: what was changed.
        before: the probability that the network trains, without it.
        after: with it.
        coherence_before: of the gradient, without it.
        coherence_after: with it.
        verdict: with it.
    """

    cause: str
    words: str
    before: float
    after: float
    coherence_before: float
    coherence_after: float
    verdict: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """A treated copy.

    Attributes:
        model: the copy; the model that was given is as it was.
        optimizer: a copy that moves it; None where none was given.
        edits: what was changed, in the order of the changes; none for a network that is well or beyond help.
        before: the exam of the model that was given.
        after: the exam of the copy.
        left: causes that no treatment took away, and that need a person.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer | None
    edits: tuple[Remedy, ...]
    before: Diagnosis
    after: Diagnosis
    left: tuple[str, ...]


def heal(
    model: nn.Module,
    batch: Batch,
    *,
    loss: Loss = F.cross_entropy,
    optimizer: Moving | None = None,
    depth: Depth = "probe",
    steps: int = USUAL,
    before: Diagnosis | None = None,
) -> Healed:
    """Return a treated copy of a model, what was changed, and the exam before and after.

    A network that is well is returned as an unchanged copy. A treatment is kept only if the exam of the copy is
    better with it, so none makes a network worse than it was, by the exam's own measure.

    Args:
        model: any PyTorch module; it is left as it was.
        batch: inputs and targets, as for `examine`.
        loss: from what the model gives and the targets to one number.
        optimizer: a copy of it comes back with the copy of the model; of several one that takes the steps of all.
        depth: of each exam.
        steps: that the training is to take.
        before: the diagnosis of the model, if it has been made already.

    Raises:
        BadInput: the model cannot take the batch, or cannot be copied; two optimisers move the same weight.

    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4), nn.Softmax(1))
    >>> inputs = torch.randn(64, 8)
    >>> healed = heal(model, (inputs, inputs[:, :4].argmax(1)), depth="still")
    >>> healed.model[-1], healed.left
    (Identity(), ())
    """
    model, one = uncompiled(model), as_one(optimizer)
    with packed(model, batch, loss) as (examples, judged), foretold(one, steps):
        look: Look = partial(diagnose, batch=examples, loss=judged, depth=depth, steps=steps)
        first = look(model, optimizer=one) if before is None else before
        patient = Patient(*copies(model, one), batch=examples, loss=judged, seen=first.seen)
        edits, patient, now = treated(patient, look, first)
    return Healed(
        model=unpacked(patient.model),
        optimizer=untold(patient.optimizer),
        edits=tuple(edits),
        before=first,
        after=now,
        left=tuple(cause.name for cause in now.causes),
    )


def treated(patient: Patient, look: Look, now: Diagnosis) -> tuple[list[Remedy], Patient, Diagnosis]:
    """Return the treatments that were kept, what came of the patient, and the exam of that."""
    edits: list[Remedy] = []
    while now.causes and len(edits) < ROUNDS:
        better = next(improvements(replace(patient, seen=now.seen), look, now), None)
        if better is None:
            break
        remedy, patient, now = better
        edits.append(remedy)
    return edits, patient, now


def improvements(patient: Patient, look: Look, now: Diagnosis) -> Iterator[tuple[Remedy, Patient, Diagnosis]]:
    """Walk the treatments that help, each tried on a copy of its own, for the most harmful cause first."""
    for cause in now.causes:
        for treatment in TREATMENTS.get(cause.name, ()):
            tried = attempt(treatment, patient, look)
            if tried is None:
                continue
            words, treated, then = tried
            gone = cause.name not in {other.name for other in then.causes}
            if then.probability < now.probability + (0 if gone else GAIN):
                continue
            remedy = Remedy(
                cause=cause.name,
                words=words,
                before=now.probability,
                after=then.probability,
                coherence_before=now.features.coherence,
                coherence_after=then.features.coherence,
                verdict=then.verdict,
            )
            yield remedy, treated, then


def attempt(treatment: Treatment, patient: Patient, look: Look) -> tuple[str, Patient, Diagnosis] | None:
    """Try one treatment on copies, and look at what came of it.

    None where it does not apply, or where the treated copy does not run any more: somebody's own code may ask for the
    layers as they were.
    """
    model, optimizer = copies(patient.model, patient.optimizer)
    treated = Patient(
        model=model, optimizer=optimizer, batch=patient.batch, loss=patient.loss, seen=patient.seen
    )
    try:
        with seeded(model):
            words = treatment(treated)
        if words is None:
            return None
        return words, treated, look(treated.model, optimizer=treated.optimizer)
    except (BadInput, *REFUSALS):
        return None


def copies(
    model: nn.Module, optimizer: torch.optim.Optimizer | None
) -> tuple[nn.Module, torch.optim.Optimizer | None]:
    """Return a copy of a model, and a copy of its optimiser that moves that copy."""
    return (duplicate(model), None) if optimizer is None else duplicate_both(model, optimizer)
