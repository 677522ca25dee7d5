"""Pictures with any number of channels and any depth, as segmentation meets them: nothing is rounded to 8 bits."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float32, UInt8, UInt16
from PIL import Image

from residua.data.budget import allowed, refuse_costly, size_of
from residua.data.colours import as_array
from residua.data.masks.tiff import BEGINNINGS, Binary, read_tiff, shape_of_tiff
from residua.data.pictures import (
    decoded,
    header_of,
    named,
    opened,
    orientation_of,
    quiet,
    refuse_broken,
    untangled,
)
from residua.data.reducing import TURNS
from residua.data.refusals import LARGEST_RASTER, UnreadablePicture

_SIXTEEN = ("I;16", "I;16B", "I;16L", "I;16N")
_SIMPLE = frozenset({"1", "L", "P", "RGB", "CMYK", *_SIXTEEN})
"""What Pillow reads of a TIFF file. A fourth channel is more often infrared than transparency, so it is kept."""

Raster = UInt8[np.ndarray, "_ _ _"] | UInt16[np.ndarray, "_ _ _"] | Float32[np.ndarray, "_ _ _"]
"""Height × width × channels. White is 255, 65,535 or, of floats, 1."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RasterHeader:
    """What a file says of its picture before it is decoded; `height` and `width` are as it is shown."""

    height: int
    width: int
    channels: int
    bits: int
    format: str
    rotated: bool = False


def read_raster_header(path: Path, *, name: str | None = None) -> RasterHeader:
    """Return what the file at `path` says of its picture, without decoding it.

    Raises:
        UnreadablePicture: it cannot be opened, or is no picture.
        MissingExtra: it is a TIFF file of a kind that needs tifffile, and there is none.
    """
    name = name or str(path)
    with named(name), path.open("rb") as file:
        with named(name, file):
            untangled(file)
        return raster_header(file, name=name)


def raster_header(file: Binary, *, name: str) -> RasterHeader:
    """Return what an open file says of its picture, without decoding it.

    Raises:
        UnreadablePicture: it is no picture.
        MissingExtra: it is a TIFF file of a kind that needs tifffile, and there is none.
    """
    with named(name, file), quiet():
        memory = allowed(size_of(file))
        if (image := _in_pillow(file)) is None:
            file.seek(0)
            found = shape_of_tiff(file, memory)
            return RasterHeader(
                height=found.height,
                width=found.width,
                channels=found.channels,
                bits=8 * found.kind.itemsize,
                format="TIFF",
            )
        refuse_costly(image, memory)  # here already: its mask is to be read next, and may be as large
        header = header_of(image)
        return RasterHeader(
            height=header.height,
            width=header.width,
            channels=header.channels,
            bits=header.bits,
            format=header.format,
            rotated=header.rotated,
        )


def read_raster(path: Path, *, name: str | None = None) -> Raster:
    """Return the pixels of the picture at `path` as it is shown, in the depth in which it is stored.

    What has 8 bits is read as `read_picture` does it. 16-bit grey stays 16-bit. A TIFF file may have any number of
    channels, as samples, planes or pages; 32-bit and signed numbers become float32.

    Args:
        path: the file.
        name: what an error calls the file, `path` by default.

    Raises:
        UnreadablePicture: the file is missing, truncated, damaged, too large, takes more memory than `allowed` says,
            or is no picture.
        MissingExtra: it is a TIFF file of a kind that needs tifffile, and there is none.
    """
    name = name or str(path)
    with named(name):
        content = path.read_bytes()
    return decode_raster(content, name=name)


def decode_raster(content: bytes, *, name: str) -> Raster:
    """Return the pixels of the picture in the bytes of a file, as `read_raster` does.

    Raises:
        UnreadablePicture: it is truncated, damaged, too large, or no picture.
        MissingExtra: it is a TIFF file of a kind that needs tifffile, and there is none.
    """
    file = io.BytesIO(content)
    with named(name, file), quiet():
        refuse_broken(content)
        memory = allowed(len(content))
        if (image := _in_pillow(file)) is None:
            file.seek(0)
            return _of_known_kind(read_tiff(file, memory))
        return _sixteen_bit(image, memory) if _is_deep(image) else decoded(image, None, memory)


def _in_pillow(file: Binary) -> Image.Image | None:
    """Open a picture that Pillow reads in full depth, or return None for a TIFF file of another kind."""
    start = file.read(4)
    file.seek(0)
    if start not in BEGINNINGS:
        return opened(file, LARGEST_RASTER)
    try:
        image = opened(file, LARGEST_RASTER)
    except (
        OSError,
        SyntaxError,
        KeyError,
        ValueError,
    ):  # a layout it does not know, each said in its own way
        return None
    header = header_of(image)
    whole = header.bits <= 8 or image.mode in _SIXTEEN
    return image if image.mode in _SIMPLE and whole and not header.several else None


def _is_deep(image: Image.Image) -> bool:
    return image.mode in _SIXTEEN or (image.mode == "I" and image.format == "PNG")


def _sixteen_bit(image: Image.Image, memory: int) -> Raster:
    refuse_costly(image, memory, turned=orientation_of(image) != 1)
    image.load()
    orientation = orientation_of(image)
    if orientation != 1:
        image = image.transpose(TURNS[orientation])
    return as_array(image).astype(np.uint16, copy=False)[:, :, None]


def _of_known_kind(stored: np.ndarray) -> Raster:
    """Return what tifffile read as uint8, uint16 or float32."""
    if stored.dtype == np.bool_:
        return stored.astype(np.uint8) * np.uint8(255)
    if stored.dtype in (np.uint8, np.uint16):
        return stored.astype(stored.dtype.newbyteorder("="))
    if np.iscomplexobj(stored):
        raise UnreadablePicture("", "its pixels are complex numbers: save their real part or their size")
    values = stored.astype(np.float32)
    if not np.isfinite(values).all():
        raise UnreadablePicture("", "some of its floats are not finite: give those pixels a number")
    return values


def full_scale(raster: Raster) -> float:
    """Return the value that is white: 255, 65,535, or 1 of floats."""
    return {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65_535.0}.get(raster.dtype, 1.0)
