"""The best cuts of a short row, found by trying every way of cutting it."""

from collections.abc import Iterator, Sequence

from residua.parts import Couple
from residua.training.memory.costs import Piece
from residua.training.recipe import Memory


def partitions(count: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """Walk every way to cut so many parts into segments of at least one."""
    if not count:
        yield ()
    for start in range(count):
        for before in partitions(start):
            yield (*before, (start, count))


def ways(pieces: Sequence[Piece], memory: Memory) -> Iterator[tuple[int, int]]:
    """Walk what a segment may keep and need for itself: left alone, computed again, undone."""
    if len(pieces) == 1:
        yield pieces[0].plain, 0
    lean = memory == "lean"
    kept = pieces[0].enters + sum(piece.outputs for piece in pieces if lean)
    yield kept, sum(piece.plain - (piece.both if lean else 0) for piece in pieces)
    if not lean and all(isinstance(piece.part, Couple) for piece in pieces):
        yield pieces[0].enters, max(piece.plain + 2 * piece.enters for piece in pieces)


def lowest(pieces: Sequence[Piece], memory: Memory, room: int) -> int:
    """Return the least that can be kept while no segment needs more than `room` for itself."""
    found = []
    for partition in partitions(len(pieces)):
        totals = [0]
        for start, stop in partition:
            fitting = [kept for kept, again in ways(pieces[start:stop], memory) if again <= room]
            totals = [total + min(fitting) for total in totals] if fitting else []
        found += totals
    return min(found)
