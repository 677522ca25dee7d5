"""Mask files as they are stored: a whole number for each pixel, and what kind of number it is."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Integer
from PIL import Image

from residua.data.budget import allowed, bytes_of, decoder_needs, refuse_more
from residua.data.colours import as_array, bands
from residua.data.masks.tiff import BEGINNINGS, read_tiff
from residua.data.pictures import named, opened, quiet, refuse_broken
from residua.data.refusals import LARGEST_RASTER, UnreadablePicture

Kind = Literal["values", "palette", "colours", "files"]
"""Numbers, numbers with a table of colours, colours, or one file for each class."""
Stored = Integer[np.ndarray, "_ _"]
"""Height × width: a number, the place of a colour in its palette, or a colour as 0xRRGGBB."""

_NOISE = 24
"""Between the channels of a grey pixel, after a lossy format."""
_LOSSY = ("JPEG", "MPO", "WEBP")
_GREY = {
    "1": "1",
    "L": "L",
    "LA": "L",
    "I;16": "I;16",
    "I;16B": "I;16",
    "I;16L": "I;16",
    "I;16N": "I;16",
    "I": "I",
}


class MaskFile(NamedTuple):
    """One mask: its numbers, their kind, how Pillow calls that kind, and the palette if there is one."""

    stored: Stored
    kind: Kind
    mode: str
    palette: tuple[int, ...] = ()
    lossy: bool = False


def read_mask_file(path: Path, *, name: str | None = None, beside: int = 0) -> MaskFile:
    """Return the mask at `path` without any change to its numbers.

    Args:
        path: the file.
        name: what an error calls the file, `path` by default.
        beside: bytes of the file of its picture: a mask is flat and small, and may take as much as the two together.

    Raises:
        UnreadablePicture: it is missing or damaged, or holds no whole numbers.
        MissingExtra: it is a TIFF file of a kind that needs tifffile, and there is none.
    """
    name = name or str(path)
    with named(name):
        content = path.read_bytes()
    return decode_mask(content, name=name, beside=beside)


def decode_mask(content: bytes, *, name: str, beside: int = 0) -> MaskFile:
    """Return the mask in the bytes of a file, without any change to its numbers.

    Args:
        content: of the file.
        name: what an error calls it.
        beside: bytes of the file of its picture.

    Raises:
        UnreadablePicture: it is damaged, or holds no whole numbers.
        MissingExtra: it is a TIFF file of a kind that needs tifffile, and there is none.
    """
    file = io.BytesIO(content)
    with named(name, file), quiet():
        refuse_broken(content)
        memory = allowed(len(content) + beside)
        try:
            image = opened(file, LARGEST_RASTER)
            pixels = image.width * image.height
            refuse_more(
                pixels * (bytes_of(image.mode) + _made_of(image.mode)) + decoder_needs(image, pixels), memory
            )
            image.load()
        except (OSError, SyntaxError, KeyError, ValueError):
            if content[:4] not in BEGINNINGS:
                raise
            file.seek(0)
            return _of_tiff(read_tiff(file, memory))
        if image.format == "TIFF" and image.mode in ("I", "F"):
            file.seek(0)  # Pillow reads unsigned 32-bit numbers as signed ones
            return _of_tiff(read_tiff(file, memory))
        return _of_image(image)


def _made_of(mode: str) -> int:
    """Return the bytes of a pixel in what `_of_image` makes: a number as it is stored, or a colour as one number."""
    return bytes_of(mode) if mode in _GREY or mode == "P" else 4


def read_layers(paths: Sequence[tuple[Path, int]], *, name: str, beside: int = 0) -> tuple[Stored, int]:
    """Return one mask from a file for each class, and how many pixels are in more than one.

    Args:
        paths: the files, each with the number that its pixels get; where two overlap the later one wins.
        name: what an error calls them.
        beside: bytes of the file of their picture.

    Raises:
        UnreadablePicture: one cannot be read, or they are of different sizes.
    """
    merged: np.ndarray | None = None
    doubled = 0
    for path, number in paths:
        inside = covered(read_mask_file(path, name=f"{name} ({path.name})", beside=beside))
        if merged is None:
            merged = np.zeros(inside.shape, np.int32)
        if inside.shape != merged.shape:
            raise UnreadablePicture(
                name, f"{path.name} is {size_of(inside)} and {paths[0][0].name} is {size_of(merged)}"
            )
        doubled += int(np.count_nonzero(inside & (merged > 0)))
        merged[inside] = number
    if merged is None:
        raise UnreadablePicture(name, "it has no file of any class")
    return merged, doubled


def covered(mask: MaskFile) -> np.ndarray:
    """Return which pixels the mask of one class covers: those above half of its largest value."""
    if mask.lossy:
        return mask.stored > (0x7F7F7F if mask.kind == "colours" else 127)
    inside: np.ndarray = mask.stored > int(mask.stored.max(initial=0)) // 2
    return inside


def size_of(mask: np.ndarray) -> str:
    """Return height × width in words.

    >>> size_of(np.zeros((3, 4)))
    '3 × 4'
    """
    return f"{mask.shape[0]} × {mask.shape[1]}"


def packed(colours: np.ndarray) -> Stored:
    """Return colours (height, width, 3) as one number each.

    >>> hex(packed(np.array([[[1, 2, 255]]], np.uint8))[0, 0])
    '0x102ff'
    """
    red, green, blue = (colours[:, :, place].astype(np.int32) for place in range(3))
    numbers: Stored = red << 16 | green << 8 | blue
    return numbers


def unpacked(colour: int) -> tuple[int, int, int]:
    """Return red, green and blue of a colour.

    >>> unpacked(0x0102FF)
    (1, 2, 255)
    """
    return colour >> 16 & 255, colour >> 8 & 255, colour & 255


def _of_image(image: Image.Image) -> MaskFile:
    lossy = image.format in _LOSSY
    if image.mode == "P":
        palette = image.getpalette("RGB") or []
        return MaskFile(as_array(image), "palette", "P", tuple(palette), lossy)
    if image.mode in _GREY:
        channel = image.getchannel(0) if image.mode == "LA" else image
        stored = as_array(channel)
        if image.mode == "1":
            stored = stored.astype(np.uint8)
        elif _GREY[image.mode] == "I;16" or (image.mode == "I" and image.format == "PNG"):
            return MaskFile(stored.astype(np.uint16, copy=False), "values", "I;16", (), lossy)
        return MaskFile(stored, "values", _GREY[image.mode], (), lossy)
    if lossy and all(_nearly_grey(np.asarray(band.convert("RGB"))) for _, band in bands(image)):
        return MaskFile(as_array(image.convert("L")), "values", "L", (), lossy)
    stored = np.empty((image.height, image.width), np.int32)
    for top, band in bands(image):
        stored[top : top + band.height] = packed(np.asarray(band.convert("RGB")))
    return MaskFile(stored, "colours", "RGB", (), lossy)


def _nearly_grey(colours: np.ndarray) -> bool:
    return int((colours.max(axis=2) - colours.min(axis=2)).max(initial=0)) <= _NOISE


def _of_tiff(pixels: np.ndarray) -> MaskFile:
    channels = pixels.shape[2]
    if channels >= 3 and pixels.dtype == np.uint8:
        return MaskFile(packed(pixels), "colours", "RGB")
    if channels != 1:
        raise UnreadablePicture(
            "", f"it has {channels} channels of {pixels.dtype}; a mask has one number or one colour a pixel"
        )
    stored = pixels[:, :, 0]
    if np.issubdtype(stored.dtype, np.inexact) and not np.array_equal(stored, np.rint(stored)):
        raise UnreadablePicture("", "its floats are no whole numbers: is it a picture?")
    low, high = (int(stored.min()), int(stored.max())) if stored.size else (0, 0)
    for kind, mode in ((np.uint8, "L"), (np.uint16, "I;16"), (np.int32, "I")):
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max and np.dtype(kind).itemsize >= min(4, stored.itemsize):
            return MaskFile(stored.astype(kind), "values", mode)
    raise UnreadablePicture("", f"its numbers run from {low} to {high}; 32 bits are read")
