"""JPEG pictures decoded by simplejpeg, where it is installed: the bits that Pillow gives, in less time.

Both are libjpeg-turbo with the same settings. What simplejpeg complains of is left to Pillow, which then says what is
wrong. Of a plain file, as most are, the header too is read here, in a tenth of the time; of any other Pillow reads it.
"""

import struct
from typing import Final

import numpy as np
from PIL import Image

try:
    import simplejpeg
except ImportError:  # Pillow does it
    simplejpeg = None

SPACES: Final = {"L": "GRAY", "RGB": "RGB"}
BYTES: Final = 16
"""Of a pixel that no plain picture takes more than while it is decoded, reduced and turned."""
_CLEAR: Final = 16
"""Pixels that each side has at least of a picture decoded smaller: among fewer, two scales have the same size."""
_START, _END, _FRAME, _SCAN, _PROFILE = b"\xff\xd8", b"\xff\xd9", 0xC0, 0xDA, 0xE2
_MOST: Final = 300
"""Parts that a plain file has before its pixels; a colour profile may have 255."""
_PLAIN: Final = frozenset({0xC4, 0xDB, 0xDD, 0xE0, 0xED, 0xEE, 0xFE, _FRAME, _PROFILE})
"""Parts that a plain file may have before its pixels: none that turns it, holds other pictures, or is progressive."""


def plain_pixels(content: bytes, side: int | None, memory: int) -> tuple[tuple[int, int], np.ndarray] | None:
    """Return height and width of a plain JPEG, and its pixels, or None if Pillow has to look at it.

    >>> plain_pixels(b"GIF89a", None, 1_000_000) is None
    True

    Args:
        content: of the file.
        side: as for `read_picture`; of the pixels the shorter side may still be longer, but less than twice.
        memory: bytes that it may take; what might take more is for Pillow.
    """
    if simplejpeg is None or (found := plain_header(content)) is None:
        return None
    height, width, channels = found
    if not 0 < height * width * BYTES <= memory:
        return None
    size = drafted(width, height, side)
    pixels = _pixels(content, "L" if channels == 1 else "RGB", size, smaller=size != (width, height))
    return None if pixels is None else ((height, width), pixels)


def plain_header(content: bytes) -> tuple[int, int, int] | None:
    """Return height, width and channels of a JPEG in whose header there is nothing unusual, else None.

    >>> plain_header(b"") is None
    True
    """
    position, shape = 2, None
    if not content.startswith(_START):
        return None
    for _ in range(_MOST):
        if position + 10 > len(content):
            return None
        start, marker, length = struct.unpack_from(">BBH", content, position)
        if start != 0xFF:
            return None
        if marker == _SCAN:
            whole = shape and content[position + 4] == shape[2] and content.rfind(_END, position) > 0
            return shape if whole else None
        if marker not in _PLAIN or (marker == _PROFILE and content[position + 4 : position + 8] != b"ICC_"):
            return None
        if marker == _FRAME:
            bits, height, width, channels = struct.unpack_from(">BHHB", content, position + 4)
            if shape or bits != 8 or channels not in (1, 3):
                return None
            shape = height, width, channels
        position += 2 + length
    return None


def drafted(width: int, height: int, side: int | None) -> tuple[int, int]:
    """Return the width and height to which Pillow's `draft` has a JPEG decoded whose shorter side becomes `side`.

    >>> drafted(2000, 1500, 448), drafted(500, 375, 448)
    ((1000, 750), (500, 375))
    """
    if side is None or (scale := side / min(width, height)) >= 1:
        return width, height
    times = min(width // int(width * scale), height // int(height * scale))
    part = next(part for part in (8, 4, 2, 1) if times >= part)
    return -(-width // part), -(-height // part)


def jpeg_pixels(content: bytes, image: Image.Image, *, smaller: bool) -> np.ndarray | None:
    """Return the pixels of a JPEG, height × width × 1 or 3, or None if Pillow has to decode it.

    >>> import io
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (3, 2)).save(file, "PNG")
    >>> jpeg_pixels(file.getvalue(), Image.open(file), smaller=False) is None
    True

    Args:
        content: of the file.
        image: opened from it, nothing of it decoded.
        smaller: whether its `draft` made it so; then its size now is what is decoded to.
    """
    if simplejpeg is None or image.format != "JPEG" or image.mode not in SPACES:
        return None
    return _pixels(content, image.mode, image.size, smaller=smaller)


def _pixels(content: bytes, mode: str, size: tuple[int, int], *, smaller: bool) -> np.ndarray | None:
    width, height = size
    if smaller and min(size) < _CLEAR:
        return None
    least = {"min_width": width, "min_height": height} if smaller else {}
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(content, SPACES[mode], **least)
    except ValueError:  # what is damaged, if only a little
        return None
    return pixels if pixels.shape[:2] == (height, width) else None
