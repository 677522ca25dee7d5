"""Whether a file has so many parts that a decoder would look through them for minutes."""

import re
import struct
from mmap import mmap
from typing import Final

PARTS: Final = 4_096
"""Of a JPEG before its pixels; cameras write about 20, and colour profiles at most 255."""
SCANS: Final = 100
"""Of a progressive JPEG; encoders write about 10, and each goes over the whole picture."""
CHUNK: Final = 256
"""Bytes that the chunks of a PNG have on average; encoders write 8,192."""
TEXT: Final = 1_000_000
"""Bytes of the comments of a GIF, which Pillow puts together piece by piece."""
JUNK: Final = 65_536
"""Bytes that belong to no part, which Pillow passes over one by one."""

_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})


def what_is_tangled(content: bytes | mmap) -> str | None:
    """Return what a JPEG, PNG or GIF file has too much of, or None.

    >>> what_is_tangled(b"GIF89a" + bytes(7) + b"?" * 80_000)
    'damaged: 65,537 bytes of it belong to no part of a picture; at most 65,536 are passed over'
    """
    start = content[:8]
    if start.startswith(b"\xff\xd8\xff"):
        return _tangled_jpeg(content)
    if start == b"\x89PNG\r\n\x1a\n":
        return _tangled_png(content)
    return _tangled_gif(content) if start.startswith((b"GIF87a", b"GIF89a")) else None


def _tangled_jpeg(content: bytes | mmap) -> str | None:
    """Count what comes before the pixels, and in a progressive picture its scans."""
    position, parts, scans, junk = 2, 0, 0, 0
    progressive = False
    while (found := _MARKER.search(content, position)) and content[found.end() - 1] != 0xD9:
        marker = content[found.end() - 1]
        parts += 1
        junk += 0 if scans else found.start() - position
        progressive |= marker in _PROGRESSIVE
        scans += marker == 0xDA
        if parts > PARTS:
            return f"damaged: it has more than {PARTS:,} parts"
        if junk > JUNK:
            return _junk(junk)
        if scans > SCANS:
            return f"its pixels come in more than {SCANS} scans, which would take minutes: save it anew"
        if (scans and not progressive) or found.end() + 2 > len(content):
            return None
        bare = marker in (0x01, 0xD8)
        position = found.end() + (0 if bare else struct.unpack_from(">H", content, found.end())[0])
    # Where no marker comes any more, Pillow looks at every byte for one.
    return _junk(len(content) - position) if not scans and len(content) - position > JUNK else None


def _tangled_png(content: bytes | mmap) -> str | None:
    position, chunks = 8, 0
    most = PARTS + len(content) // CHUNK
    while position + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        chunks += 1
        if chunks > most:
            return f"damaged: it has more than {most:,} chunks"
        if kind == b"IEND":
            return None
        position += 12 + length
    return None


def _tangled_gif(content: bytes | mmap) -> str | None:
    """Go through the blocks up to the second picture, which is as far as it is read."""
    position, pictures, text, junk = 13 + _colours(content[10:11]), 0, 0, 0
    while position < len(content) and content[position] != 0x3B and pictures < 2:
        match content[position]:
            case 0x21:
                end = _after_blocks(content, position + 2)
                text += end - position
            case 0x2C:
                pictures += 1
                end = _after_blocks(content, position + 11 + _colours(content[position + 9 : position + 10]))
            case _:
                end = position + 1
                junk += 1
        if text > TEXT:
            return f"its comments take more than {TEXT:,} bytes: save it without them"
        if junk > JUNK:
            return _junk(junk)
        position = end
    return None


def _colours(flags: bytes) -> int:
    """Return the bytes of the table of colours that follows some flags."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _after_blocks(content: bytes | mmap, position: int) -> int:
    """Return where a row of blocks ends, each with its length before it and the last one empty."""
    while position < len(content) and (length := content[position]):
        position += 1 + length
    return position + 1


def _junk(count: int) -> str:
    return f"damaged: {count:,} bytes of it belong to no part of a picture; at most {JUNK:,} are passed over"
