"""The best cuts of a short row, found by trying every way of cutting it."""

from collections.abc import Iterator, Sequence

from residua.parts import Couple
from residua.training.memory.costs import Piece
from residua.training.recipe import Memory


def ways(pieces: Sequence[Piece], memory: Memory, room: int) -> Iterator[tuple[int, bool]]:
    """Walk every way to cut a row whose segments fit: what it keeps, and whether it ends in a segment."""
    if not pieces:
        yield 0, False
    for start in range(len(pieces)):
        for before, was_cut in ways(pieces[:start], memory, room):
            for kept, cut in last(pieces[start:], memory, room, was_cut):
                yield before + kept, cut


def last(pieces: Sequence[Piece], memory: Memory, room: int, was_cut: bool) -> Iterator[tuple[int, bool]]:
    """Walk what the last parts may keep together: left alone if it is one, computed again, undone."""
    lean = memory == "lean"
    if len(pieces) == 1:
        yield pieces[0].plain + (pieces[0].shared if was_cut else 0), False
    if sum(piece.plain - (piece.both if lean else 0) for piece in pieces) <= room:
        yield (
            pieces[0].enters + (sum(piece.outputs for piece in pieces) - pieces[-1].last if lean else 0),
            True,
        )
    couples = all(isinstance(piece.part, Couple) for piece in pieces)
    if couples and max(piece.plain + 2 * piece.enters for piece in pieces) <= room:
        yield pieces[0].enters, True


def lowest(pieces: Sequence[Piece], memory: Memory, room: int) -> int:
    """Return the least that can be kept while no segment needs more than `room` for itself."""
    return min(kept for kept, _ in ways(pieces, memory, room))
