"""The same file, damaged in one place: every part of it in turn, and in each of the ways that files are damaged."""

import random
from collections.abc import Iterator
from typing import NamedTuple


class Mutation(NamedTuple):
    """A damaged file, and in words what was done to it."""

    said: str
    content: bytes


def mutations(content: bytes, count: int, chance: random.Random) -> Iterator[Mutation]:
    """Give `count` damaged forms of a file, each with its damage in another of `count` equal parts of it.

    Args:
        content: of the file.
        count: how many; with one for every byte or more, each byte is met.
        chance: where in its part the damage is, and of which kind.
    """
    for number in range(count):
        first = number * len(content) // count
        beyond = max(first + 1, (number + 1) * len(content) // count)
        place = chance.randrange(first, beyond)
        yield damaged(content, place, chance)


def damaged(content: bytes, place: int, chance: random.Random) -> Mutation:
    """Return the file with one damage at a place, which always changes it."""
    length = chance.choice((1, 4, 64))
    before, after = content[:place], content[place:]
    match chance.randrange(6):
        case 0:
            return Mutation(f"cut at {place}", before)
        case 1:
            return Mutation(f"{length} bytes less at {place}", before + after[length:])
        case 2:
            new = chance.randbytes(length)
            return Mutation(f"{length} bytes more at {place}", before + new + after)
        case 3 if any(after[:length]):
            return Mutation(f"zeros at {place}", before + bytes(len(after[:length])) + after[length:])
        case 4 if after[0] != 255:
            return Mutation(f"255 at {place}", before + b"\xff" + after[1:])
        case _:
            bit = 1 << chance.randrange(8)
            return Mutation(f"bit {bit} flipped at {place}", before + bytes([after[0] ^ bit]) + after[1:])
