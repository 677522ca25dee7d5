"""Where to cut a network, so that what it keeps and what it computes again at once take the least memory together.

A row of parts is cut into segments. A segment keeps what comes in (and, if that is the policy, the outputs of its
dear convolutions); the rest of it is computed again in the backward pass, one segment at a time. So the peak is the sum
of what the segments keep plus the most that one of them needs for itself. Chen et al. 2016 (arXiv:1604.06174) cut n
equal layers into sqrt(n) segments. Here the layers are not equal: for a given room no segment may need more than
that, dynamic programming finds the cuts that keep the least, and of the rooms the best is taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, final

from residua.parts import Couple, Join
from residua.training.memory.costs import Piece
from residua.training.recipe import Memory

How = Literal["again", "undone"]

ROOMS: Final = 32
"""How many sizes of the room are tried, from the whole network down."""
RATIO: Final = 1.25
"""How many times each is the next."""


@final
@dataclass(frozen=True, slots=True)
class Segment:
    """Parts of a row, from `start` up to `stop`, that are computed again or undone."""

    start: int
    stop: int
    how: How


Cuts = Mapping[str, tuple[Segment, ...]]
"""The segments of each row by its name; what is in none is left to ordinary autograd."""


@final
@dataclass(frozen=True, slots=True)
class Bill:
    """What a way of cutting costs, in bytes.

    Attributes:
        kept: from the forward pass to the backward pass.
        again: the most that one segment needs for itself in the backward pass.
        cuts: the cuts.
    """

    kept: int
    again: int
    cuts: Cuts

    @property
    def peak(self) -> int:
        """Both together."""
        return self.kept + self.again

    def __add__(self, other: "Bill") -> "Bill":
        return Bill(self.kept + other.kept, max(self.again, other.again), {**self.cuts, **other.cuts})


Way = tuple[Bill, tuple[Segment, ...]]
"""A way of cutting the beginning of a row: what it costs, and the segments."""


def best_cuts(network: Piece, memory: Memory) -> Bill:
    """Return the cuts with the lowest peak.

    Args:
        network: measured; it is cut within, never as a whole.
        memory: "lean" keeps the outputs of convolutions that were measured as worth it, so that norms, activations,
            sums and concatenations are computed again; "least" keeps only what enters a segment. Of couples neither
            keeps more than what leaves the last.

    >>> import torch
    >>> from torch import nn
    >>> from residua.parts import Chain
    >>> from residua.training.memory.costs import measured
    >>> row = Chain(*[Chain(nn.ReLU(), nn.Sigmoid()) for _ in range(9)])
    >>> bill = best_cuts(measured(nn.Sequential(row), torch.ones(1, 1, requires_grad=True)), "least")
    >>> bill.kept, bill.again, len(bill.cuts["0"])
    (12, 24, 3)
    """
    rooms = [int(network.plain / RATIO**step) for step in range(ROOMS)]
    try:
        return min(
            (cut_within(network, room, memory, after=False) for room in rooms), key=lambda bill: bill.peak
        )
    finally:
        cut.cache_clear()  # it holds the network


@cache  # a row within a row within a row would be cut twice at every level
def cut(piece: Piece, room: int, memory: Memory, *, after: bool) -> Bill:
    """Return the cuts that keep the least while no segment needs more than `room`.

    Args:
        piece: measured.
        room: in bytes.
        memory: what a segment keeps.
        after: whether a segment gave what comes in. Segments do not keep what they give, so whatever keeps it counts.
    """
    if piece.is_row:
        return cut_row(piece, room, memory, after=after)
    return cut_within(piece, room, memory, after=after)


def cut_within(piece: Piece, room: int, memory: Memory, *, after: bool) -> Bill:
    """Return the cuts of each part within; the legs of a join read the same."""
    bill = Bill(piece.own + (piece.shared if after else 0), 0, {})
    for inner in piece.inner:
        bill += cut(inner, room, memory, after=after)
        if not isinstance(piece.part, Join):
            after = bool(bill.cuts)
    return bill


def cut_row(row: Piece, room: int, memory: Memory, *, after: bool) -> Bill:
    """Return the best cuts of a row: for each of its beginnings, the best that ends in a segment or not."""
    best: list[dict[bool, Way]] = [{after: (Bill(row.own, 0, {}), ())}]
    least = [row.own]
    for stop, piece in enumerate(row.inner, start=1):
        found: dict[bool, Way] = {}
        for was, (bill, segments) in best[-1].items():
            opened = cut(piece, room, memory, after=was)
            ends = bool(opened.cuts)
            if ends not in found or bill.kept + opened.kept < found[ends][0].kept:
                found[ends] = bill + opened, segments
        options = segments_to(row.inner, stop, room, memory)
        last = min(options, key=lambda option: least[option[0].start] + option[1], default=None)
        if last is not None:
            segment, kept, again = last
            bill, segments = cheapest(best[segment.start])
            if True not in found or bill.kept + kept < found[True][0].kept:
                found[True] = bill + Bill(kept, again, {}), (*segments, segment)
        best.append(found)
        least.append(cheapest(found)[0].kept)
    bill, segments = cheapest(best[-1])
    return bill + Bill(0, 0, {row.name: segments} if segments else {})


def cheapest(ways: Mapping[bool, Way]) -> Way:
    """Return the way that keeps the least, whether it ends in a segment or not."""
    return min(ways.values(), key=lambda way: way[0].kept)


def segments_to(
    pieces: Sequence[Piece], stop: int, room: int, memory: Memory
) -> Iterator[tuple[Segment, int, int]]:
    """Walk the segments that end before `stop` and fit, each with what it keeps and what it needs for itself."""
    lean = memory == "lean"
    # What it gives is kept by who reads it, if at all.
    kept, again = (-pieces[stop - 1].last if lean else 0), 0
    for start in range(stop - 1, -1, -1):
        piece = pieces[start]
        kept += piece.outputs if lean else 0
        again += piece.plain - (piece.both if lean else 0)
        if again > room:
            break
        yield Segment(start, stop, "again"), piece.enters + kept, again
    again = 0
    for start in range(stop - 1, -1, -1):
        piece = pieces[start]
        again = max(again, piece.plain + 2 * piece.enters)
        if not isinstance(piece.part, Couple) or again > room:
            break
        yield Segment(start, stop, "undone"), piece.enters, again
