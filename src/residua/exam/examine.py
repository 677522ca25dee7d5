"""The exam: whether a network will train, why not, and what would help, measured on a copy."""

from dataclasses import dataclass
from typing import final

import torch.nn.functional as F
from torch import nn

from residua.exam.cause import Cause
from residua.exam.diagnose import Depth, Diagnosis, diagnose
from residua.exam.heal import Remedy, heal
from residua.exam.packing import Batch
from residua.exam.several import Moving
from residua.exam.verdict import USUAL, Verdict
from residua.look import Loss


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What the exam says of a network.

    Attributes:
        verdict: "trains", "slow" or "does not train".
        probability: that it trains.
        causes: what keeps it from training, the most harmful first.
        notes: what is worth knowing and no fault.
        remedies: what helped on a copy, one upon the other, each with what it did.
        diagnosis: everything behind the verdict.
    """

    verdict: Verdict
    probability: float
    causes: tuple[Cause, ...]
    notes: tuple[Cause, ...]
    remedies: tuple[Remedy, ...]
    diagnosis: Diagnosis


def examine(
    model: nn.Module,
    batch: Batch,
    *,
    loss: Loss = F.cross_entropy,
    optimizer: Moving | None = None,
    depth: Depth = "probe",
    steps: int = USUAL,
    remedies: bool = True,
) -> Examination:
    """Say whether a network will train, why not, and what would help; it is left exactly as it was.

    Args:
        model: any PyTorch module, in the mode in which it will train.
        batch: inputs and targets, 100 samples or more if there are; the network sees the first 64 at most. Each is one
            tensor, or several by name or in a row, as in `((left, right), labels)`: the model is called with them by
            name or in a row if it takes them so, and otherwise with the whole.
        loss: from what the model gives, one tensor or several by name or in a row, and the targets to one number.
        optimizer: the one that will train it, or several with a part of the weights each; without one the network is
            judged in the best of three ways.
        depth: "still" looks at one batch forward and backward; "probe" also takes steps on copies.
        steps: that the training is to take; the verdict is about a training of this length.
        remedies: try treatments on copies where there is a cause.

    Raises:
        BadInput: the model cannot take the batch, or cannot be copied; two optimisers move the same weight.

    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4), nn.Softmax(1))
    >>> inputs = torch.randn(64, 8)
    >>> found = examine(model, (inputs, inputs[:, :4].argmax(1)), depth="still")
    >>> found.causes[0].name
    'softmax before a loss that applies one'
    >>> found.remedies[0].words
    'take out 3 (Softmax); the loss applies it'
    """
    found = diagnose(model, batch, loss=loss, optimizer=optimizer, depth=depth, steps=steps)
    helped: tuple[Remedy, ...] = ()
    if remedies and found.causes:
        helped = heal(
            model, batch, loss=loss, optimizer=optimizer, depth=depth, steps=steps, before=found
        ).edits
    return Examination(
        verdict=found.verdict,
        probability=found.probability,
        causes=found.causes,
        notes=found.notes,
        remedies=helped,
        diagnosis=found,
    )
