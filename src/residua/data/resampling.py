"""A part of a picture resized: by code of our own where there is a compiler, to the same bits by Pillow where not."""

import ctypes
from pathlib import Path
from threading import Lock
from typing import Final, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from residua.compiling import compiled

Filter = Literal["bilinear", "bicubic"]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom of a part, in pixels."""
_FILTERS: Final = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_SOURCE: Final = Path(__file__).with_name("resampling.cpp")
_lock = Lock()
_libraries: list[ctypes.CDLL | None] = []


def resampler() -> ctypes.CDLL | None:
    """Return the compiled code; None where there is no compiler that can make it."""
    with _lock:  # many threads may want it at once, and it takes seconds
        if not _libraries:
            # Weights that were fused to a sum before they are rounded would not be Pillow's.
            _libraries.append(compiled(_SOURCE, "-ffp-contract=off"))
        return _libraries[0]


def resampled(
    picture: UInt8[np.ndarray, "_ _ channels"],
    size: tuple[int, int],
    *,
    box: Box | None = None,
    filter: Filter = "bilinear",
    mirror: bool = False,
) -> UInt8[np.ndarray, "_ _ channels"]:
    """Return a part of a picture in another size; the filter widens as it shrinks, so that nothing is skipped.

    Columns are resized first, and between the two rounded to 8 bits.

    >>> ramp = np.arange(16, dtype=np.uint8).reshape(1, 16, 1)
    >>> resampled(ramp, (1, 4), box=(4, 0, 12, 1))[0, :, 0]
    array([ 5,  7,  9, 11], dtype=uint8)

    Args:
        picture: height × width × 1 or 3.
        size: height and width of what is returned.
        box: the part; None is all of it.
        filter: of the resizing.
        mirror: flip what is returned left to right.

    Raises:
        ValueError: the part is not within the picture.
    """
    height, width, channels = picture.shape
    box = box or (0, 0, width, height)
    left, top, right, bottom = (float(np.float32(edge)) for edge in box)
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError(f"a part {box} of a picture of {width} × {height} pixels")
    library = resampler()
    if library is None or channels not in (1, 3):
        return _by_pillow(picture, size, box, filter, mirror)
    picture, made = np.ascontiguousarray(picture), np.empty((*size, channels), np.uint8)
    library.resample(
        ctypes.c_void_p(picture.ctypes.data),
        *map(ctypes.c_int64, picture.shape),
        *map(ctypes.c_float, box),
        ctypes.c_void_p(made.ctypes.data),
        *map(ctypes.c_int64, size),
        int(filter == "bicubic"),
        int(mirror),
    )
    return made


def _by_pillow(
    picture: np.ndarray, size: tuple[int, int], box: Box, filter: Filter, mirror: bool
) -> np.ndarray:
    """Resize in two steps: in one, Pillow chooses for each picture what comes first, and its versions differ."""
    (left, top, right, bottom), (high, wide) = box, size
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    image = image.resize((wide, image.height), _FILTERS[filter], box=(left, 0, right, image.height))
    image = image.resize((wide, high), _FILTERS[filter], box=(0, top, wide, bottom))
    if mirror:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(image).reshape(high, wide, picture.shape[2])
