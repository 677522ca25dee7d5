import random
from dataclasses import replace

import pytest
from torch import nn

from residua.parts import Chain, Couple
from residua.training.memory.costs import Piece
from residua.training.memory.cuts import Segment, best_cuts, cut
from residua.training.recipe import Memory
from tests.oracle.cutting import lowest


def piece(
    part: nn.Module, *, enters: int, plain: int, outputs: int = 0, both: int = 0, shared: int = 0
) -> Piece:
    return Piece(
        name="",
        part=part,
        enters=enters,
        plain=plain,
        outputs=outputs,
        both=both,
        own=plain,
        shared=shared,
        inner=(),
    )


def row(*pieces: Piece) -> Piece:
    chain = Chain(*[piece.part for piece in pieces])
    return Piece(
        name="row",
        part=chain,
        enters=pieces[0].enters,
        plain=sum(piece.plain for piece in pieces),
        outputs=sum(piece.outputs for piece in pieces),
        both=sum(piece.both for piece in pieces),
        own=0,
        shared=0,
        inner=pieces,
    )


def network(*pieces: Piece) -> Piece:
    return replace(row(*pieces), name="", part=nn.Sequential(), inner=(row(*pieces),))


def drawn(numbers: random.Random) -> Piece:
    outputs = numbers.randrange(9)
    part = numbers.choice([Couple(nn.Identity()), nn.Linear(1, 1), nn.Identity()])
    return piece(
        part,
        enters=numbers.randrange(1, 9),
        plain=outputs + numbers.randrange(20),
        outputs=outputs,
        both=numbers.randrange(outputs + 1),
        shared=numbers.randrange(9),
    )


@pytest.mark.parametrize("memory", ["lean", "least"])
def test_no_other_way_of_cutting_keeps_less(memory: Memory) -> None:
    numbers = random.Random(0)
    for _ in range(60):
        pieces = [drawn(numbers) for _ in range(numbers.randrange(1, 7))]
        room = numbers.randrange(60)
        bill = cut(row(*pieces), room, memory, after=False)
        assert bill.kept == lowest(pieces, memory, room)
        assert bill.again <= room


def test_equal_parts_take_the_square_root_of_their_number() -> None:
    bill = best_cuts(network(*[piece(nn.Identity(), enters=1, plain=1) for _ in range(100)]), "least")
    assert bill.peak <= 21
    assert 8 <= len(bill.cuts["row"]) <= 12


def test_couples_in_a_row_keep_what_leaves_the_last_however_many_there_are() -> None:
    peaks = [
        best_cuts(network(*[piece(Couple(nn.Identity()), enters=4, plain=24) for _ in range(count)]), "least")
        for count in (20, 200)
    ]
    assert [bill.peak for bill in peaks] == [4 + 32, 4 + 32]
    assert peaks[1].cuts == {"row": (Segment(0, 200, "undone"),)}


def test_a_part_too_large_for_the_room_is_cut_within() -> None:
    inner = replace(row(*[piece(nn.Identity(), enters=1, plain=10) for _ in range(4)]), name="inner")
    bill = cut(row(piece(nn.Identity(), enters=1, plain=5), inner), 20, "least", after=False)
    assert bill.kept < 45 and bill.again <= 20
    assert bill.cuts["inner"] == (Segment(0, 2, "again"), Segment(2, 4, "again"))
