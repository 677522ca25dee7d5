"""Pictures of any size through a network piece by piece, in bounded memory, with no seam between the pieces.

Windows overlap, and where they do each counts by a Gaussian around its middle: near its edge a window lacks what
lies beyond, and says least there (as nnU-Net does: Isensee et al. 2021, Nature Methods 18). Sums are kept for one row
of windows at a time, and only so many columns of it as fit a budget.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Shares = Float[Tensor, "classes height width"]
"""Of each class in each pixel, adding up to 1."""

Place = tuple[slice, slice]
"""Rows and columns of a picture."""

Ask = Callable[[Place], Shares]
"""What a network says of a place: the shares of the classes in each of its pixels."""

WHOLE: Final = 1.5
"""A side up to this many windows long is taken at once."""
OVERLAP: Final = 0.25
"""Of a window, with the next one."""
BUDGET: Final = 512 * 2**20
"""Bytes of the sums."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A finished rectangle of the answer: its upper left corner, and its shares."""

    top: int
    left: int
    shares: Shares

    @property
    def place(self) -> Place:
        """Rows and columns of the picture that it covers."""
        height, width = self.shares.shape[1:]
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def tiled(
    shape: tuple[int, int], ask: Ask, *, classes: int, window: int, step: int = 1, budget: int = BUDGET
) -> Iterator[Block]:
    """Give the answer for a picture in blocks that together cover each of its pixels once.

    Args:
        shape: height and width of the picture.
        ask: the network.
        classes: how many shares it gives.
        window: side of a piece, in pixels of the picture.
        step: windows begin at multiples of it; with the stride of the network, it pools each of them as it would the
            whole picture.
        budget: bytes that the sums may take.

    >>> def ask(place: Place) -> Shares:
    ...     rows, columns = place
    ...     return torch.full((2, rows.stop - rows.start, columns.stop - columns.start), 0.5)
    >>> blocks = tiled((50, 70), ask, classes=2, window=20)
    >>> sum(block.shares.sum().item() for block in blocks)
    3500.0
    """
    rows, columns = (windows(length, window, step) for length in shape)
    if len(rows) == len(columns) == 1:
        yield Block(0, 0, ask((rows[0], columns[0])))
        return
    height = max(row.stop - row.start for row in rows)
    across = max(window, budget // (4 * classes * height))
    for left in range(0, shape[1], across):
        band = slice(left, min(left + across, shape[1]))
        yield from banded(ask, rows, [one for one in columns if overlap(one, band)], band)


def banded(ask: Ask, rows: list[slice], columns: list[slice], band: slice) -> Iterator[Block]:
    """Give the blocks of some columns of the picture, from the top.

    Args:
        ask: the network.
        rows: of the windows, from the top.
        columns: of the windows that touch the band.
        band: which columns are wanted.
    """
    sums: Tensor | None = None  # the shares times their weights, and below them the weights
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        for column in columns:
            shares = ask((row, column))
            weights = gaussian(row, shares.device)[:, None] * gaussian(column, shares.device)
            found = torch.cat((shares * weights, weights[None]))
            if sums is None:
                sums = shares.new_zeros(len(found), row.stop - row.start, band.stop - band.start)
            elif (
                sums.shape[1] < row.stop - row.start
            ):  # the rows that the row of windows before has left over
                fresh = sums.new_zeros(len(sums), row.stop - row.start - sums.shape[1], sums.shape[2])
                sums = torch.cat((sums, fresh), dim=1)
            both = slice(max(column.start, band.start), min(column.stop, band.stop))
            inside = slice(both.start - column.start, both.stop - column.start)
            sums[:, :, both.start - band.start : both.stop - band.start] += found[:, :, inside]
        assert sums is not None
        done = (row.stop if after is None else after.start) - row.start
        yield Block(row.start, band.start, sums[:-1, :done] / sums[-1:, :done])
        sums = sums[:, done:].clone()


def windows(length: int, window: int, step: int = 1) -> list[slice]:
    """Return windows that cover a side, each of them overlapping the next by a quarter at least.

    >>> windows(100, 40)
    [slice(0, 40, None), slice(30, 70, None), slice(60, 100, None)]
    >>> windows(60, 40)
    [slice(0, 60, None)]
    """
    if length <= WHOLE * window:
        return [slice(0, length)]
    count = 1 + math.ceil((length - window) / (window * (1 - OVERLAP)))
    starts = [round((length - window) * number / (count - 1) / step) * step for number in range(count)]
    return [slice(start, min(start + window, length)) for start in starts[:-1]] + [slice(starts[-1], length)]


def gaussian(side: slice, device: torch.device) -> Float[Tensor, " side"]:
    """Return how much the pixels of a window count along one of its sides: 1 in the middle, 0.0003 at the end."""
    length = side.stop - side.start
    places = (torch.arange(length, device=device) - (length - 1) / 2) / (length / 8)
    return torch.exp(-(places**2) / 2)


def overlap(one: slice, other: slice) -> bool:
    """Return whether two slices share a place.

    >>> overlap(slice(0, 4), slice(3, 9)), overlap(slice(0, 4), slice(4, 9))
    (True, False)
    """
    return bool(one.start < other.stop and other.start < one.stop)


def class_map(blocks: Iterator[Block], shape: tuple[int, int]) -> np.ndarray:
    """Return the likeliest class of each pixel, uint8.

    >>> block = Block(0, 0, torch.tensor([[[0.2, 0.9]], [[0.8, 0.1]]]))
    >>> class_map(iter([block]), (1, 2)).tolist()
    [[1, 0]]
    """
    classes = np.empty(shape, np.uint8)
    for block in blocks:
        classes[block.place] = block.shares.argmax(0).to("cpu", torch.uint8).numpy()
    return classes
