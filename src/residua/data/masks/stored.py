"""Mask files as they are stored: a whole number for each pixel, and what kind of number it is."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Integer
from PIL import Image

from residua.data.masks.tiff import BEGINNINGS, read_tiff
from residua.data.pictures import named, opened, quiet
from residua.data.refusals import LARGEST_RASTER, UnreadablePicture
from residua.data.whole import what_is_broken

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


def read_mask_file(path: Path, *, name: str | None = None) -> MaskFile:
    """Return the mask at `path` without any change to its numbers.

    Raises:
        UnreadablePicture: it is missing or damaged, or holds no whole numbers.
        MissingExtra: it is a TIFF file of a kind that needs tifffile, and there is none.
    """
    name = name or str(path)
    with named(name):
        content = path.read_bytes()
    return decode_mask(content, name=name)


def decode_mask(content: bytes, *, name: str) -> MaskFile:
    """Return the mask in the bytes of a file, without any change to its numbers.

    Raises:
        UnreadablePicture: it is damaged, or holds no whole numbers.
        MissingExtra: it is a TIFF file of a kind that needs tifffile, and there is none.
    """
    file = io.BytesIO(content)
    with named(name, file), quiet():
        if damage := what_is_broken(content):
            raise UnreadablePicture(name, damage)
        try:
            image = opened(file, LARGEST_RASTER)
            image.load()
        except (OSError, SyntaxError, KeyError, ValueError):
            if content[:4] not in BEGINNINGS:
                raise
            file.seek(0)
            return _of_tiff(read_tiff(file))
        if image.format == "TIFF" and image.mode in ("I", "F"):
            file.seek(0)  # Pillow reads unsigned 32-bit numbers as signed ones
            return _of_tiff(read_tiff(file))
        return _of_image(image)


def read_layers(paths: Sequence[tuple[Path, int]], *, name: str) -> tuple[Stored, int]:
    """Return one mask from a file for each class, and how many pixels are in more than one.

    Args:
        paths: the files, each with the number that its pixels get; where two overlap the later one wins.
        name: what an error calls them.

    Raises:
        UnreadablePicture: one cannot be read, or they are of different sizes.
    """
    merged: np.ndarray | None = None
    doubled = 0
    for path, number in paths:
        inside = covered(read_mask_file(path, name=f"{name} ({path.name})"))
        if merged is None:
            merged = np.zeros(inside.shape, np.int32)
        if inside.shape != merged.shape:
            raise UnreadablePicture(
                name, f"{path.name} is {size_of(inside)} and {paths[0][0].name} is {size_of(merged)}"
            )
        doubled += int((merged[inside] > 0).sum())
        merged[inside] = number
    if merged is None:
        raise UnreadablePicture(name, "it has no file of any class")
    return merged, doubled


def covered(mask: MaskFile) -> np.ndarray:
    """Return which pixels the mask of one class covers: those above half of its largest value."""
    if mask.lossy:
        return mask.stored > (0x7F7F7F if mask.kind == "colours" else 127)
    inside: np.ndarray = 2 * mask.stored.astype(np.int64) > int(mask.stored.max(initial=0))
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
        return MaskFile(np.asarray(image), "palette", "P", tuple(palette), lossy)
    if image.mode in _GREY:
        channel = image.getchannel(0) if image.mode == "LA" else image
        stored = np.asarray(channel)
        if image.mode == "1":
            stored = stored.astype(np.uint8)
        elif _GREY[image.mode] == "I;16" or (image.mode == "I" and image.format == "PNG"):
            return MaskFile(stored.astype(np.uint16), "values", "I;16", (), lossy)
        return MaskFile(stored, "values", _GREY[image.mode], (), lossy)
    colours = np.asarray(image.convert("RGB"))
    if lossy and int((colours.max(axis=2) - colours.min(axis=2)).max(initial=0)) <= _NOISE:
        return MaskFile(np.asarray(image.convert("L")), "values", "L", (), lossy)
    return MaskFile(packed(colours), "colours", "RGB", (), lossy)


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
