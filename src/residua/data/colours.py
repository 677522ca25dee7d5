"""Every mode that Pillow decodes to, as 8-bit grey or RGB; large pictures in bands, so that little is held twice."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Shaped
from PIL import Image, ImageChops

from residua.data.refusals import UnreadablePicture

_SIXTEEN = 65_535
_BAND = 2**20
"""Pixels of a band; a smaller picture is taken whole."""


def as_array(image: Image.Image) -> Shaped[np.ndarray, "height width *channels"]:
    """Return the pixels of a decoded picture as Pillow keeps them.

    `np.asarray` alone holds the bytes twice more while it copies them.

    >>> as_array(Image.new("RGB", (3, 2))).shape
    (2, 3, 3)
    """
    if image.width * image.height <= _BAND:
        return np.asarray(image)
    pixels: np.ndarray | None = None
    for top, band in bands(image):
        part = np.asarray(band)
        if pixels is None:
            pixels = np.empty((image.height, *part.shape[1:]), part.dtype)
        pixels[top : top + len(part)] = part
    assert pixels is not None, "a picture above a band has bands"
    return pixels


def bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Give a picture in pieces of its full width, each with its first row."""
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def eight_bit(image: Image.Image) -> Image.Image:
    """Return a decoded picture in mode L or RGB, scaled by what its format says and never by its content.

    A transparent picture lies on white. 16 bits are scaled from 0-65,535, floats from 0-1: a float outside is
    refused, because nothing in the file says what its white would be.
    """
    match image.mode:
        case "L" | "RGB" if "transparency" not in image.info:
            return image
        case "1":
            return _changed(image, "L", lambda part: part.convert("L"))
        case "I;16" | "I;16B" | "I;16L" | "I;16N" | "I":
            return _from_integers(image)
        case "F":
            return _changed(image, "L", _scaled_floats)
        case "CMYK":
            return _from_cmyk(image)
        case "L" | "LA" | "La":
            return _changed(image, "L", lambda part: _on_white(part.convert("LA"), "L"))
        case "P" if not _transparent_palette(image):
            return _changed(image, "RGB", lambda part: part.convert("RGB"))
        case "P" | "PA" | "RGB" | "RGBA" | "RGBa":
            return _changed(image, "RGB", lambda part: _on_white(part.convert("RGBA"), "RGB"))
        case _:
            return _changed(image, "RGB", lambda part: part.convert("RGB"))


def _changed(image: Image.Image, mode: str, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Return the picture with every pixel changed by itself, into some mode."""
    if image.width * image.height <= _BAND:
        return change(image)
    made = Image.new(mode, image.size)
    for top, band in bands(image):
        made.paste(change(band), (0, top))
    return made


def _transparent_palette(image: Image.Image) -> bool:
    return "transparency" in image.info or (image.palette is not None and "A" in image.palette.mode)


def _on_white(image: Image.Image, mode: str) -> Image.Image:
    opaque = Image.new(mode, image.size, "white")
    opaque.paste(image.convert(mode), mask=image.getchannel("A"))
    return opaque


def _from_integers(image: Image.Image) -> Image.Image:
    if image.mode == "I" and image.format == "TIFF" and 32 in image.tag_v2.get(258, ()):  # type: ignore[attr-defined]
        raise UnreadablePicture(
            "", "its pixels are 32-bit integers of unknown scale: save it with 8 or 16 bits"
        )
    return _changed(image, "L", _scaled_integers)


def _scaled_integers(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > _SIXTEEN:
        raise UnreadablePicture("", f"it has pixels from {low} to {high}; 16 bits hold 0 to 65535")
    scaled = (values.astype(np.uint32) * 255 + _SIXTEEN // 2) // _SIXTEEN
    return Image.fromarray(scaled.astype(np.uint8))


def _scaled_floats(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # also true of NaN
        raise UnreadablePicture(
            "",
            f"it has floats from {low:g} to {high:g}; 0 to 1 is read: scale it, or save it with 8 or 16 bits",
        )
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))


def _from_cmyk(image: Image.Image) -> Image.Image:
    # Pillow takes every CMYK JPEG to be inverted, as Adobe's are; one without Adobe's marker is not.
    if image.format in ("JPEG", "MPO") and "adobe" not in image.info:
        return _changed(image, "RGB", lambda part: ImageChops.invert(part).convert("RGB"))
    return _changed(image, "RGB", lambda part: part.convert("RGB"))
