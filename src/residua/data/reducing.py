"""Pictures made smaller as they are read, and turned as they are shown."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from residua.data.resampling import resampled

Pixels = UInt8[np.ndarray, "_ _ _"]
_GAP = 2.0
"""How many times as large as it will be Pillow leaves a picture at least when it first takes means of squares."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def reduced_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return width and height with the shorter of them reduced to `side`."""
    scale = side / min(size)
    return max(side, round(size[0] * scale)), max(side, round(size[1] * scale))


def reduced(pixels: Pixels, side: int | None) -> Pixels:
    """Return pixels with the shorter side reduced to `side`, if it is longer, to the bits of Pillow."""
    height, width, _ = pixels.shape
    if side is None or min(height, width) <= side:
        return pixels
    wide, high = reduced_size((width, height), side)
    # From far away Pillow takes means of squares first, and of a tall picture some of its versions the rows first.
    if height <= width < 2 * _GAP * wide and height < 2 * _GAP * high:
        return resampled(pixels, (high, wide))
    return to_picture(to_image(pixels).resize((wide, high), Image.Resampling.BILINEAR, reducing_gap=_GAP))


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """Return pixels as an EXIF orientation says that they are shown."""
    return pixels if orientation == 1 else to_picture(to_image(pixels).transpose(TURNS[orientation]))


def to_image(picture: Pixels) -> Image.Image:
    """Return a picture of 1 or 3 channels as a Pillow image."""
    return Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)


def to_picture(image: Image.Image) -> Pixels:
    """Return a Pillow image of mode L or RGB as uint8, height × width × channels."""
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
