"""A picture damaged in the ways that meet a decoder: bits, lengths, chunks, and the halves of two files."""

import random
import struct
import zlib
from typing import Final

from benchmarks.mutations import Mutation, damaged

NUMBERS: Final = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 32_767, 32_768, 65_535, 65_536)
LARGE: Final = (2**24, 2**28, 2**31 - 1, 2**31, 2**32 - 1)
START: Final = 96
"""Bytes in which most headers have their sizes and lengths."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"


def mangled(content: bytes, other: bytes, chance: random.Random) -> Mutation:
    """Return a damaged form of a file.

    Args:
        content: of the file.
        other: another file, of which a part may be put in.
        chance: of the damage.
    """
    said, found = [], content
    for _ in range(chance.choice((1, 1, 2, 4))):
        if not found:
            break
        mutation = _once(found, other, chance)
        said.append(mutation.said)
        found = mutation.content
    if found.startswith(_PNG) and chance.random() < 0.8:
        found = with_checksums(found)  # or the first thing that is looked at refuses it
        said.append("checksums made anew")
    return Mutation(", ".join(said), found)


def _once(content: bytes, other: bytes, chance: random.Random) -> Mutation:
    place = chance.randrange(min(START, len(content)) if chance.random() < 0.4 else len(content))
    match chance.randrange(5):
        case 0:
            return _bits(content, chance)
        case 1:
            form = chance.choice(("<H", ">H", "<I", ">I", "B"))
            number = chance.choice(NUMBERS + LARGE) % 256 ** struct.calcsize(form)
            new = struct.pack(form, number)
            return Mutation(f"{number} at {place}", content[:place] + new + content[place + len(new) :])
        case 2:
            length, times = chance.choice((4, 12, 64, 500)), chance.choice((1, 2, 50, 1_000))
            part = content[place : place + length]
            return Mutation(
                f"{len(part)} bytes at {place} repeated {times} times",
                content[:place] + part * times + content[place:],
            )
        case 3:
            begin = chance.randrange(len(other))
            return Mutation(f"another file from {place}", content[:place] + other[begin:])
        case _:
            return damaged(content, place, chance)


def _bits(content: bytes, chance: random.Random) -> Mutation:
    changed, count = bytearray(content), chance.choice((1, 3, 20))
    for _ in range(count):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return Mutation(f"{count} bits flipped", bytes(changed))


def with_checksums(content: bytes) -> bytes:
    """Return a PNG with the checksum of every chunk as it should be.

    >>> with_checksums(_PNG + bytes(4) + b"IEND" + bytes(4))[-4:].hex()
    'ae426082'
    """
    found, position = bytearray(content), len(_PNG)
    while position + 12 <= len(found):
        (length,) = struct.unpack_from(">I", found, position)
        end = position + 8 + length
        if end + 4 > len(found):
            break
        struct.pack_into(">I", found, end, zlib.crc32(found[position + 4 : end]))
        position = end + 4
    return bytes(found)
