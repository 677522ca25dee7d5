"""How good a classifier is, over a whole set at once: every rate with the number of samples behind it."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from residua.objective.classify import cross_entropy
from residua.types import Labels, Logits

BINS = 15


@final
@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class: precision is None where it was never guessed, recall where it has no sample."""

    name: str
    samples: int
    precision: float | None
    recall: float | None
    f1: float


@final
@dataclass(frozen=True, slots=True)
class Bin:
    """The samples whose confidence lies in (low, high]: how sure the network was, and how often right."""

    low: float
    high: float
    samples: int
    confidence: float
    accuracy: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The scores of a classifier on one split; rates are shares from 0 to 1.

    Attributes:
        samples: how many pictures all rates are over.
        classes: names, in the order of `confusion`.
        loss: mean cross-entropy, without smoothing.
        top1: share whose likeliest class is right.
        top5: share whose five likeliest hold the right one; None below six classes.
        macro_f1: mean over the classes that have a sample or a guess.
        ece: expected calibration error over 15 bins (Guo et al. 2017, arXiv:1706.04599).
        per_class: precision, recall and F1 of each class.
        confusion: rows are the truth, columns the guess.
        bins: of the calibration, empty ones left out.
    """

    samples: int
    classes: tuple[str, ...]
    loss: float
    top1: float
    top5: float | None
    macro_f1: float
    ece: float
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    bins: tuple[Bin, ...]


def score(logits: Logits, labels: Labels, classes: tuple[str, ...]) -> Scores:
    """Return the scores of `logits` against `labels`.

    >>> import torch
    >>> score(torch.eye(3), torch.tensor([0, 1, 1]), ("a", "b", "c")).top1
    0.6666666666666666
    """
    samples, count = len(labels), len(classes)
    ranked = logits.topk(min(5, count), dim=1).indices
    hits = ranked == labels[:, None]
    matrix = confusion(labels, ranked[:, 0], count)
    per_class = tuple(class_score(name, matrix, index) for index, name in enumerate(classes))
    seen = [one.f1 for one in per_class if one.samples or one.precision is not None]
    bins = calibration(logits.float().softmax(1).amax(1), hits[:, 0])
    return Scores(
        samples=samples,
        classes=classes,
        loss=cross_entropy(logits, labels).item(),
        top1=hits[:, 0].sum().item() / samples,
        top5=hits.any(1).sum().item() / samples if count > 5 else None,
        macro_f1=sum(seen) / len(seen),
        ece=sum(one.samples * abs(one.confidence - one.accuracy) for one in bins) / samples,
        per_class=per_class,
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        bins=bins,
    )


def confusion(truth: Labels, guess: Labels, classes: int) -> Tensor:
    """Count every pair of truth (row) and guess (column).

    >>> import torch
    >>> confusion(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    return torch.bincount(truth * classes + guess, minlength=classes**2).reshape(classes, classes)


def class_score(name: str, matrix: Tensor, index: int) -> ClassScore:
    """Return precision, recall and F1 of class `index` of a confusion matrix."""
    right = int(matrix[index, index])
    samples, guesses = int(matrix[index].sum()), int(matrix[:, index].sum())
    return ClassScore(
        name=name,
        samples=samples,
        precision=right / guesses if guesses else None,
        recall=right / samples if samples else None,
        f1=2 * right / (samples + guesses) if samples + guesses else 0.0,
    )


def calibration(confidence: Tensor, right: Tensor) -> tuple[Bin, ...]:
    """Put samples into bins of equal width by confidence; empty bins are left out."""
    place = (confidence * BINS).ceil().long().clamp(1, BINS) - 1
    found = []
    for index in range(BINS):
        inside = place == index
        if samples := int(inside.sum()):
            mean, rate = confidence[inside].mean().item(), right[inside].float().mean().item()
            found.append(Bin(index / BINS, (index + 1) / BINS, samples, mean, rate))
    return tuple(found)
