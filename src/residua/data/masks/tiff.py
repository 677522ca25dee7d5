"""TIFF files that Pillow does not read: any number of channels, 16 bits a channel, floats, pages as channels."""

import io
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from residua.data.refusals import LARGEST_RASTER, UnreadablePicture, too_large
from residua.errors import MissingExtra

Binary = io.BytesIO | io.BufferedReader
BEGINNINGS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
"""The first bytes of a TIFF and of a BigTIFF file, in either byte order."""


class Shape(NamedTuple):
    """What a TIFF file says it holds."""

    height: int
    width: int
    channels: int
    kind: np.dtype


def shape_of_tiff(file: Binary) -> Shape:
    """Return the size, the channels and the kind of number of the first image in a TIFF file, without decoding it.

    Raises:
        UnreadablePicture: it has more axes than height, width and channels.
        MissingExtra: there is no tifffile.
    """
    return _read(file, pixels=False)[0]


def read_tiff(file: Binary) -> Shaped[np.ndarray, "height width channels"]:
    """Return the first image in a TIFF file as it is stored; its pages or planes are the channels.

    Raises:
        UnreadablePicture: it has more axes than height, width and channels, or a compression that is not read.
        MissingExtra: there is no tifffile.
    """
    pixels = _read(file, pixels=True)[1]
    assert pixels is not None
    return pixels


def _read(file: Binary, *, pixels: bool) -> tuple[Shape, np.ndarray | None]:
    try:
        from tifffile import TiffFile
    except ImportError as error:
        raise MissingExtra(
            "a TIFF file of many channels, or of 16 bits in colour, needs tifffile: pip install 'residua[data]'"
        ) from error
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
        if not pixels:
            return shape, None
        try:
            stored = series.asarray().reshape(lengths)
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            raise UnreadablePicture(
                "", f"its compression is not read ({error}): save it with none or with Deflate"
            ) from error
    rows = np.moveaxis(stored, channel[0], -1) if channel else stored[:, :, None]
    return shape, np.ascontiguousarray(rows)
