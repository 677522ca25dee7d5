"""How good a segmenter is over a whole set: counts that add up picture by picture, and the scores they give."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan
from typing import final

import torch
from torch import Tensor

from residua.objective.segment import (
    Matrix,
    Overlap,
    boundary_overlap,
    boundary_width,
    pixel_confusion,
    ratios,
    region_overlap,
)
from residua.types import VOID, Masks


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskCounts:
    """What is counted of pictures at their original size; counts of several add up with `+`.

    Attributes:
        images: pictures.
        void: pixels that stand for no class; nothing below counts them.
        loss: the sum of the cross-entropy of all other pixels.
        matrix: pixels by truth (row) and prediction (column).
        boundary: for each class, pixels near the edge of both, and of either.
    """

    images: int
    void: int
    loss: float
    matrix: Matrix
    boundary: Overlap

    @staticmethod
    def none(classes: int) -> "MaskCounts":
        """Return the counts of no picture."""
        boundary = torch.zeros(2, classes, dtype=torch.long)
        matrix = torch.zeros(classes, classes, dtype=torch.long)
        return MaskCounts(images=0, void=0, loss=0.0, matrix=matrix, boundary=boundary)

    def __add__(self, other: "MaskCounts") -> "MaskCounts":
        return MaskCounts(
            images=self.images + other.images,
            void=self.void + other.void,
            loss=self.loss + other.loss,
            matrix=self.matrix + other.matrix,
            boundary=self.boundary + other.boundary,
        )


def count_pixels(
    truth: Masks, guess: Masks, classes: int, *, loss: float = 0.0, edges: bool = True, void: int = VOID
) -> MaskCounts:
    """Count pictures of one size.

    Args:
        truth: the class of each pixel.
        guess: the class predicted for it.
        classes: how many there are.
        loss: the sum of the cross-entropy of all pixels that are not void.
        edges: count the boundaries too, which takes longer than all else.
        void: the value that stands for no class.

    >>> counts = count_pixels(torch.tensor([[[0, 1], [1, 255]]]), torch.tensor([[[0, 1], [0, 0]]]), 2)
    >>> counts.matrix.tolist(), counts.void
    ([[1, 0], [1, 1]], 1)
    """
    boundary = torch.zeros(2, classes, dtype=torch.long)
    if edges:
        width = boundary_width(*truth.shape[1:])
        boundary = boundary_overlap(truth, guess, classes, width=width, void=void).cpu()
    return MaskCounts(
        images=len(truth),
        void=int((truth == void).sum()),
        loss=loss,
        matrix=pixel_confusion(truth, guess, classes, void=void).cpu(),
        boundary=boundary,
    )


@final
@dataclass(frozen=True, slots=True)
class MaskClassScore:
    """One class: its pixels in truth and prediction, and how well they agree; None where neither has any.

    Attributes:
        name: of the class.
        pixels: that are of it.
        guesses: that were said to be.
        iou: intersection over union.
        dice: twice the intersection over the sum of both.
        boundary_iou: the same as `iou`, of the pixels near its edge; None too where edges were not counted.
    """

    name: str
    pixels: int
    guesses: int
    iou: float | None
    dice: float | None
    boundary_iou: float | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MaskScores:
    """The scores of a segmenter on one split, at the original size of its pictures; shares from 0 to 1.

    Means over classes are over those that truth or prediction has.

    Attributes:
        samples: pictures.
        classes: names, in the order of `confusion`.
        pixels: that have a class; all rates are over these.
        void: pixels that have none.
        loss: mean cross-entropy of a pixel, without weights.
        mean_iou: mean intersection over union.
        mean_dice: mean Dice.
        pixel_accuracy: share of the pixels whose class is right.
        mean_boundary_iou: mean boundary IoU (Cheng et al. 2021, arXiv:2103.16562); None where edges were not counted.
        per_class: IoU, Dice and boundary IoU of each class.
        confusion: pixels; rows are the truth, columns the prediction.
    """

    samples: int
    classes: tuple[str, ...]
    pixels: int
    void: int
    loss: float
    mean_iou: float
    mean_dice: float
    pixel_accuracy: float
    mean_boundary_iou: float | None
    per_class: tuple[MaskClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]


def mask_scores(counts: MaskCounts, classes: tuple[str, ...]) -> MaskScores:
    """Return the scores that the counts of a whole set give; 0 where there is no pixel at all.

    >>> counts = count_pixels(torch.tensor([[[0, 1], [1, 1]]]), torch.tensor([[[0, 1], [1, 0]]]), 2)
    >>> round(mask_scores(counts, ("sky", "road")).mean_iou, 4)
    0.5833
    """
    matrix = counts.matrix
    wanted, given = matrix.sum(1), matrix.sum(0)
    pixels = int(matrix.sum())
    ious, edges = ratios(region_overlap(matrix)), ratios(counts.boundary)
    dices = 2 * matrix.diagonal().double() / (wanted + given)
    per_class = tuple(
        MaskClassScore(name, int(wanted[i]), int(given[i]), known(ious[i]), known(dices[i]), known(edges[i]))
        for i, name in enumerate(classes)
    )
    return MaskScores(
        samples=counts.images,
        classes=classes,
        pixels=pixels,
        void=counts.void,
        loss=counts.loss / max(pixels, 1),
        mean_iou=mean(one.iou for one in per_class) or 0.0,
        mean_dice=mean(one.dice for one in per_class) or 0.0,
        pixel_accuracy=int(matrix.diagonal().sum()) / max(pixels, 1),
        mean_boundary_iou=mean(one.boundary_iou for one in per_class),
        per_class=per_class,
        confusion=tuple(tuple(row) for row in matrix.tolist()),
    )


def known(ratio: Tensor) -> float | None:
    """Return a ratio as a number, or None where it is none."""
    value = ratio.item()
    return None if isnan(value) else value


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of those that are known, or None.

    >>> mean([1.0, None, 0.5]), mean([None])
    (0.75, None)
    """
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else None
