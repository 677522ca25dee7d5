"""TIFF files that Pillow does not read: any number of channels, 16 bits a channel, floats, pages as channels."""

import io
import logging
import lzma
import math
import struct
import zlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Shaped

from residua.data.budget import refuse_more
from residua.data.refusals import LARGEST_RASTER, UnreadablePicture, too_large
from residua.errors import MissingExtra

Binary = io.BytesIO | io.BufferedReader
BEGINNINGS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
"""The first bytes of a TIFF and of a BigTIFF file, in either byte order."""

# Where nobody listens to it, Python would print what tifffile logs of a damaged file; the refusal says it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

PAGES: Final = 1_000
"""That are read as channels."""
_PACKED: Final[dict[int, tuple[int, Callable[[], Any]]]] = {
    8: (1_032, zlib.decompressobj),
    32_946: (1_032, zlib.decompressobj),
    34_925: (10_000, lzma.LZMADecompressor),
}
"""Of the compressions that can make very much of very little: how much at most, and what unpacks them."""
_FREE: Final = 2**24
"""Bytes that a piece may come to without a look at it."""


class Shape(NamedTuple):
    """What a TIFF file says it holds."""

    height: int
    width: int
    channels: int
    kind: np.dtype


def shape_of_tiff(file: Binary, memory: int) -> Shape:
    """Return the size, the channels and the kind of number of the first image in a TIFF file, without decoding it.

    Args:
        file: open for reading, at its start.
        memory: bytes that decoding it may take.

    Raises:
        UnreadablePicture: it has more axes than height, width and channels, or takes more memory.
        MissingExtra: there is no tifffile.
    """
    return _read(file, memory, pixels=False)[0]


def read_tiff(file: Binary, memory: int) -> Shaped[np.ndarray, "height width channels"]:
    """Return the first image in a TIFF file as it is stored; its pages or planes are the channels.

    Args:
        file: open for reading, at its start.
        memory: bytes that decoding it may take.

    Raises:
        UnreadablePicture: it has more axes than height, width and channels, takes more memory, or has a compression
            that is not read.
        MissingExtra: there is no tifffile.
    """
    pixels = _read(file, memory, pixels=True)[1]
    assert pixels is not None
    return pixels


def _read(file: Binary, memory: int, *, pixels: bool) -> tuple[Shape, np.ndarray | None]:
    try:
        from tifffile import TiffFile
    except ImportError as error:
        raise MissingExtra(
            "a TIFF file of many channels, or of 16 bits in colour, needs tifffile: pip install 'residua[data]'"
        ) from error
    refuse_endless(file)
    with TiffFile(file) as opened:
        series = opened.series[0]
        axes = "".join(axis for axis, length in zip(series.axes, series.shape, strict=True) if length > 1)
        lengths = [length for length in series.shape if length > 1]
        # A plane one pixel high or wide has lost an axis above; its own letters say which.
        if "Y" not in axes or "X" not in axes:
            axes, lengths = series.axes, list(series.shape)
        channel = [place for place, axis in enumerate(axes) if axis not in "YX"]
        if len(channel) > 1 or "Y" not in axes or "X" not in axes:
            raise UnreadablePicture(
                "",
                f"its axes are {series.axes} {series.shape}: height, width and one axis of channels are read",
            )
        channels = lengths[channel[0]] if channel else 1
        shape = Shape(lengths[axes.index("Y")], lengths[axes.index("X")], channels, np.dtype(series.dtype))
        if shape.height * shape.width > LARGEST_RASTER:
            raise UnreadablePicture("", too_large(shape.height * shape.width, LARGEST_RASTER))
        moved = bool(channel) and channel[0] < len(axes) - 1
        refuse_more(_needed(shape, moved) + 2 * _piece(series.keyframe), memory)
        if not pixels:
            return shape, None
        _refuse_packed(file, series)
        try:
            stored = series.asarray(maxworkers=1).reshape(
                lengths
            )  # pictures are read in several threads already
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            raise UnreadablePicture(
                "", f"its compression is not read ({error}): save it with none or with Deflate"
            ) from error
    rows = np.moveaxis(stored, channel[0], -1) if channel else stored[:, :, None]
    return shape, np.ascontiguousarray(rows)


def refuse_endless(file: Binary) -> None:
    """Refuse a TIFF file of very many pages, or one whose pages go in a circle; tifffile would read them all.

    Raises:
        UnreadablePicture: it has no end, or that many.
    """
    start = file.read(16)
    order = "<" if start.startswith(b"II") else ">"
    count, entry, offset = ("H", 12, "I") if start[2:4] in (b"*\x00", b"\x00*") else ("Q", 20, "Q")
    seen: set[int] = set()
    (place,) = struct.unpack_from(order + offset, start, 4 if offset == "I" else 8)
    while place:
        if place in seen:
            raise UnreadablePicture("", "damaged: its pages go round in a circle")
        seen.add(place)
        if len(seen) > PAGES:
            raise UnreadablePicture("", f"it has more than {PAGES:,} pages; as channels so many are not read")
        file.seek(place)
        entries = file.read(struct.calcsize(order + count))
        if len(entries) < struct.calcsize(order + count):
            break
        file.seek(entry * struct.unpack(order + count, entries)[0], io.SEEK_CUR)
        following = file.read(struct.calcsize(order + offset))
        if len(following) < struct.calcsize(order + offset):
            break
        (place,) = struct.unpack(order + offset, following)
    file.seek(0)


def _needed(shape: Shape, moved: bool) -> int:
    """Return about how many bytes the array takes at most: as it is stored, put in order, and as it is given on."""
    values = shape.height * shape.width * shape.channels
    stored = values * shape.kind.itemsize
    as_it_is = shape.kind in (np.uint8, np.uint16)
    return stored * (2 if moved else 1) + (0 if as_it_is else 5 * values)


def _piece(page: Any) -> int:
    """Return the bytes of a tile or a strip, which may be larger than the picture."""
    return int(math.prod(page.chunks)) * (1 if page.dtype is None else int(page.dtype.itemsize))


def _refuse_packed(file: Binary, series: Any) -> None:
    """Refuse a file with a piece that unpacks to more than a tile or a strip has.

    Raises:
        UnreadablePicture: there is one.
    """
    for page in series.pages:
        if page is None or page.compression not in _PACKED:
            continue
        most, unpacker = _PACKED[page.compression]
        expected = _piece(page)
        for offset, length in zip(page.dataoffsets, page.databytecounts, strict=False):
            if length * most <= max(expected, _FREE):
                continue
            file.seek(offset)
            if len(unpacker().decompress(file.read(length), expected + 1)) > expected:
                raise UnreadablePicture(
                    "", f"damaged: a piece of it unpacks to more than the {expected:,} bytes that it has"
                )
