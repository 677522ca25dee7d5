"""How much memory the decoding of one picture may take; asked of its header, before any of it is decoded."""

import io
import os
import struct
from typing import Final

from PIL import Image

from residua.data.refusals import UnreadablePicture, too_costly
from residua.errors import BadInput

MEMORY: Final = 200_000_000
"""Bytes that the decoding of any picture may take."""
TIMES: Final = 100
"""Or so many times the bytes of its file, where that is more.

A photograph of any size has them: it takes tens of times its JPEG. A flat picture that is made to exhaust a machine
takes thousands of times its file.
"""
SETTING: Final = "RESIDUA_PICTURE_MEMORY"
"""Of the environment, in megabytes: what the user allows instead of `MEMORY`.

No argument, because it is a property of a machine and not of a call: processes that read and those that train together
have it too, and it is read in one place.
"""

_GREY: Final = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_BYTES: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Of a pixel in Pillow, which keeps all other modes in four."""
_WEBP: Final = 13
"""Bytes of a pixel that libwebp has in its hands beside the picture."""
_TILE: Final = (322, 323)
_ROWS: Final = 278
"""Of a TIFF file: width and length of its tiles, and the rows of its strips; without them a strip is the picture."""


def allowed(size: int) -> int:
    """Return the bytes that the decoding of a picture may take whose file has `size` bytes.

    >>> allowed(1_000), allowed(5_000_000)
    (200000000, 500000000)

    Raises:
        BadInput: the setting of the environment is no number of megabytes.
    """
    return max(least(), TIMES * size)


def least() -> int:
    """Return what any picture may take: as the environment says, else `MEMORY`.

    Raises:
        BadInput: the environment says no number of megabytes.
    """
    said = os.environ.get(SETTING)
    if said is None:
        return MEMORY
    if not said.isdecimal():
        raise BadInput(f"{SETTING} is '{said}'; it is a whole number of megabytes, such as 800")
    return int(said) * 1_000_000


def size_of(file: io.BufferedIOBase) -> int:
    """Return the bytes of an open file, which is then where it was."""
    place = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(place)
    return size


def refuse_costly(
    image: Image.Image,
    memory: int,
    *,
    side: int | None = None,
    declared: int | None = None,
    turned: bool = False,
) -> None:
    """Refuse an opened picture that takes more than `memory` bytes to decode.

    Args:
        image: opened, nothing of it decoded.
        memory: from `allowed`.
        side: that its shorter side is reduced to.
        declared: pixels of its header, where fewer will be decoded.
        turned: whether it is turned once it is decoded.

    Raises:
        UnreadablePicture: it takes more.
    """
    refuse_more(needed(image, side, declared or image.width * image.height, turned), memory)


def refuse_more(needed: int, memory: int) -> None:
    """Refuse a picture that takes more bytes than are allowed.

    Raises:
        UnreadablePicture: it does.
    """
    if needed > memory:
        raise UnreadablePicture("", too_costly(needed, memory, SETTING))


def needed(image: Image.Image, side: int | None, declared: int, turned: bool) -> int:
    """Return about how many bytes an opened picture takes at most until its pixels are an array of 8 bits.

    >>> needed(Image.new("RGB", (100, 100)), None, 10_000, False)
    70000

    Args:
        image: opened, nothing of it decoded.
        side: that its shorter side is reduced to.
        declared: pixels of its header.
        turned: whether it is turned once it is decoded.
    """
    pixels = image.width * image.height
    held = bytes_of(image.mode)
    channels = 1 if image.mode in _GREY else 3
    shown = 1 if channels == 1 else 4
    plain = image.mode in ("L", "RGB") and "transparency" not in image.info
    kept = pixels
    total = pixels * (held + (0 if plain else shown)) + decoder_needs(image, declared)
    if side is not None and min(image.size) > side:
        kept = int(pixels * (side / min(image.size)) ** 2)
        total += shown * (pixels // 4 + kept)  # Pillow halves it first, and then resizes that
    return total + (channels + (shown if turned else 0)) * kept


def bytes_of(mode: str) -> int:
    """Return the bytes in which Pillow keeps a pixel.

    >>> bytes_of("L"), bytes_of("RGB")
    (1, 4)
    """
    return _BYTES.get(mode, 4)


def decoder_needs(image: Image.Image, declared: int) -> int:
    """Return about how many bytes a decoder has in its hands at most, beside the picture."""
    match image.format:
        case "WEBP":
            return _WEBP * declared
        case "JPEG" | "MPO" if not _in_one_scan(image):
            return 2 * len(image.getbands()) * declared  # every coefficient, until the last scan is read
        case "PNG" if getattr(image, "is_animated", False):
            return 8 * declared  # what a frame is laid on, and the frame before
        case "TIFF":
            tags = image.tag_v2  # type: ignore[attr-defined]  # the TIFF plugin's own
            width, length = (int(tags.get(tag, 0)) for tag in _TILE)
            rows = int(tags.get(_ROWS, image.height))
            bits = tags.get(258, (8,))
            deep = sum(map(int, bits)) if isinstance(bits, tuple) else int(bits)
            return max(width * length, image.width * min(rows, image.height)) * max(8, deep) // 8
        case _:
            return 0


def _in_one_scan(image: Image.Image) -> bool:
    """Return whether all components of a JPEG are in its first scan, behind whose header Pillow stops to open it."""
    if "progressive" in image.info:
        return False
    components = len(image.getbands())
    header = struct.pack(">HB", 6 + 2 * components, components)
    file: io.BufferedIOBase = image.fp  # type: ignore[attr-defined]  # of every picture that came from a file
    place = file.tell()
    if place < 6 + 2 * components:
        return False
    file.seek(place - 6 - 2 * components)
    found = file.read(len(header))
    file.seek(place)
    return found == header
