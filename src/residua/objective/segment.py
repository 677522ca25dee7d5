"""How well masks agree, counted over a whole set: regions by the confusion matrix, and their boundaries.

A mean over the pictures would let one with three pixels of a class weigh as much as one full of it, so counts
are added up first and divided at the end.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from residua.errors import BadInput
from residua.types import Masks

Matrix = Int64[Tensor, "classes classes"]
Overlap = Int64[Tensor, "2 classes"]
"""For each class, pixels that both masks give it, and pixels that either does."""


def pixel_confusion(truth: Masks, guess: Masks, classes: int, *, void: int | None = None) -> Matrix:
    """Count every pair of truth (row) and guess (column); the matrices of several batches add up.

    Args:
        truth: the classes that pixels have.
        guess: the classes that they were given.
        classes: how many there are.
        void: a value of the truth that stands for no class; such pixels do not count.

    Raises:
        BadInput: a value that is neither a class nor void.

    >>> pixel_confusion(torch.tensor([[[0, 1, 1]]]), torch.tensor([[[0, 1, 0]]]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    kept = torch.ones_like(truth, dtype=torch.bool) if void is None else truth != void
    rows, columns = truth[kept].long(), guess[kept].long()
    for name, values in (("truth", rows), ("guess", columns)):
        if values.numel() and not 0 <= int(values.min()) <= int(values.max()) < classes:
            raise BadInput(
                f"the {name} has values from {int(values.min())} to {int(values.max())}, and there are "
                f"{classes} classes, 0 to {classes - 1}; name the value that stands for no class as void"
            )
    counted = torch.bincount(rows * classes + columns, minlength=classes**2)
    return counted.reshape(classes, classes)


def region_overlap(matrix: Matrix) -> Overlap:
    """Return what truth and guess share of each class, and what either has.

    >>> region_overlap(torch.tensor([[1, 0], [1, 1]])).tolist()
    [[1, 1], [2, 2]]
    """
    shared = matrix.diagonal()
    return torch.stack((shared, matrix.sum(0) + matrix.sum(1) - shared))


def boundary_overlap(
    truth: Masks, guess: Masks, classes: int, *, width: int, void: int | None = None
) -> Overlap:
    """Count what truth and guess share of each class within `width` pixels of its edge; batches add up.

    The measure is Cheng et al. 2021, "Boundary IoU" (arXiv:2103.16562): of each mask only the pixels near its
    own edge are kept, and those are compared. The edge of the picture is an edge, as in the authors' code.

    Args:
        truth: the classes that pixels have.
        guess: the classes that they were given.
        classes: how many there are.
        width: how far from the edge, in pixels, diagonal steps being as long as straight ones.
        void: a value of the truth that stands for no class; the guess has nothing there either.

    >>> square, smaller = torch.zeros(2, 1, 7, 7, dtype=torch.long)
    >>> square[0, 1:6, 1:6] = 1
    >>> smaller[0, 2:6, 1:6] = 1
    >>> boundary_overlap(square, smaller, 2, width=1)[:, 1].tolist()
    [11, 19]
    """
    kept = torch.ones_like(truth, dtype=torch.bool) if void is None else truth != void
    if void is not None:
        guess = guess.masked_fill(~kept, void)
    edges, guessed = near_edge(truth, width) & kept, near_edge(guess, width) & kept
    right, wanted, given = (
        torch.bincount(values.long(), minlength=classes)
        for values in (truth[edges & guessed & (truth == guess)], truth[edges], guess[guessed])
    )
    return torch.stack((right, wanted + given - right))


def near_edge(masks: Masks, width: int) -> Bool[Tensor, "batch height width"]:
    """Return which pixels have one of another class, or the end of the picture, within `width`.

    A window holds one class alone when its largest value is its smallest; both are found by rows, then by columns.
    """
    values = masks[:, None].float()
    largest, smallest = (windowed(sign * values, width) * sign for sign in (1, -1))
    inside = (largest == values) & (smallest == values)
    deep = torch.zeros_like(inside[:, 0])
    if min(masks.shape[-2:]) > 2 * width:
        deep[:, width:-width, width:-width] = inside[:, 0, width:-width, width:-width]
    return ~deep


def windowed(values: Tensor, width: int) -> Tensor:
    """Return the largest value within `width` of each pixel."""
    side = 2 * width + 1
    rows = F.max_pool2d(values, (side, 1), stride=1, padding=(width, 0))
    return F.max_pool2d(rows, (1, side), stride=1, padding=(0, width))


def boundary_width(height: int, width: int) -> int:
    """Return how wide a boundary is in a picture of this size: 2 % of its diagonal, as in the paper.

    >>> boundary_width(480, 640), boundary_width(20, 20)
    (16, 1)
    """
    return max(1, round(0.02 * math.hypot(height, width)))


def ratios(overlap: Overlap) -> Float64[Tensor, " classes"]:
    """Return the intersection over union of each class; not a number for one that neither mask has.

    >>> ratios(torch.tensor([[1, 0], [2, 0]])).tolist()
    [0.5, nan]
    """
    shared, either = overlap.double().unbind()
    return shared / either
