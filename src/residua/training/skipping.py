"""Batches that are bad: named by their pictures, and skipped if the user asked for that."""

from collections.abc import Sequence
from typing import Final

from residua.data import Batch
from residua.data.masks import MaskBatch
from residua.training.diverged import BadBatch

FEW: Final = 5
"""How many pictures are named."""
MOST: Final = 10
"""One in so many batches of an epoch may be skipped: where more are bad it is not the batches."""


def may_be_skipped(skipped: int, batches: int) -> bool:
    """Return whether one more batch may be skipped of an epoch, of which at least one must be left.

    >>> [may_be_skipped(skipped, 40) for skipped in (0, 3, 4)], may_be_skipped(0, 1)
    ([True, True, False], False)
    """
    return skipped < min(max(1, batches // MOST), batches - 1)


def in_the_batch(batch: Batch | MaskBatch, names: Sequence[str], rows: Sequence[int]) -> list[str]:
    """Return the names of those pictures of a batch, or of all if no rows are given."""
    places = batch.indices.tolist()
    return [names[places[row]] for row in (rows or range(len(places)))]


def blamed(error: BadBatch, named: Sequence[str]) -> str:
    """Return what is wrong with a batch, with the names of its pictures.

    >>> blamed(BadBatch("the loss is nan", rows=[1]), ["cats/7.png"])
    'the loss is nan (of cats/7.png)'
    >>> blamed(BadBatch("the loss is inf"), [f"{number}.png" for number in range(9)])
    'the loss is inf (in a batch of 9 pictures: 0.png, 1.png, 2.png, 3.png, 4.png, ...)'
    """
    few = ", ".join(named[:FEW]) + (", ..." if len(named) > FEW else "")
    return f"{error} (of {few})" if error.rows else f"{error} (in a batch of {len(named):,} pictures: {few})"
