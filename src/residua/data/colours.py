"""Every mode that Pillow decodes to, as 8-bit grey or 8-bit RGB."""

import numpy as np
from PIL import Image, ImageChops

from residua.data.refusals import UnreadablePicture

_SIXTEEN = 65_535


def eight_bit(image: Image.Image) -> Image.Image:
    """Return a decoded picture in mode L or RGB, scaled by what its format says and never by its content.

    A transparent picture lies on white. 16 bits are scaled from 0-65,535, floats from 0-1: a float outside is
    refused, because nothing in the file says what its white would be.
    """
    match image.mode:
        case "L" | "RGB" if "transparency" not in image.info:
            return image
        case "1":
            return image.convert("L")
        case "I;16" | "I;16B" | "I;16L" | "I;16N" | "I":
            return _from_integers(image)
        case "F":
            return _from_floats(image)
        case "CMYK":
            return _from_cmyk(image)
        case "L" | "LA" | "La":
            return _on_white(image.convert("LA"), "L")
        case "P" if not _transparent_palette(image):
            return image.convert("RGB")
        case "P" | "PA" | "RGB" | "RGBA" | "RGBa":
            return _on_white(image.convert("RGBA"), "RGB")
        case _:
            return image.convert("RGB")


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
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > _SIXTEEN:
        raise UnreadablePicture("", f"its pixels run from {low} to {high}; 16 bits hold 0 to 65535")
    scaled = (values.astype(np.uint32) * 255 + _SIXTEEN // 2) // _SIXTEEN
    return Image.fromarray(scaled.astype(np.uint8))


def _from_floats(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # also true of NaN
        raise UnreadablePicture(
            "",
            f"its floats run from {low:g} to {high:g}; 0 to 1 is read: scale it, or save it with 8 or 16 bits",
        )
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))


def _from_cmyk(image: Image.Image) -> Image.Image:
    # Pillow takes every CMYK JPEG to be inverted, as Adobe's are; one without Adobe's marker is not.
    if image.format in ("JPEG", "MPO") and "adobe" not in image.info:
        image = ImageChops.invert(image)
    return image.convert("RGB")
