"""A part of a picture, turned, zoomed and bent, and the same part of its mask: one reading of each pixel."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32
from torch import Tensor

from residua.data.masks.encoding import ClassMap
from residua.data.masks.rasters import Raster
from residua.types import VOID

Places = Float32[np.ndarray, "height width"]


class Points(NamedTuple):
    """Where in a picture each pixel of the result lies, in pixels from its left and upper edges."""

    x: Places
    y: Places

    def scaled(self, x: float, y: float) -> "Points":
        """Return the same points in a picture that is `x` times as wide and `y` times as high."""
        return Points(self.x * np.float32(x), self.y * np.float32(y))


def seen(shape: tuple[int, int], middle: tuple[float, float], matrix: np.ndarray) -> Points:
    """Return the points of a view of `shape`, which looks at `middle` (x, y) through a 2 × 2 `matrix`.

    The matrix says how far right and down in the picture a step right and a step down in the view lead.
    """
    height, width = shape
    right = (np.arange(width, dtype=np.float32) + np.float32(0.5 - width / 2))[None, :]
    down = (np.arange(height, dtype=np.float32) + np.float32(0.5 - height / 2))[:, None]
    (xx, xy), (yx, yy) = matrix.astype(np.float32)
    return Points(
        xx * right + xy * down + np.float32(middle[0]),
        yx * right + yy * down + np.float32(middle[1]),
    )


def bent(points: Points, knots: np.ndarray) -> Points:
    """Return the points moved by a smooth field through `knots`: 2 × rows × columns, moves in x and in y, in pixels."""
    coarse = torch.from_numpy(knots.astype(np.float32))[None]
    moves = F.interpolate(coarse, points.x.shape, mode="bicubic", align_corners=True)[0].numpy()
    return Points(points.x + moves[0], points.y + moves[1])


def sampled(picture: Raster, points: Points) -> Tensor:
    """Return the picture at the points, between four pixels each: float32, channels × height × width.

    Beyond its edges the picture is mirrored, which keeps its own statistics.
    """
    height, width = picture.shape[:2]
    x, y = folded(points.x, width), folded(points.y, height)
    left, top = max(0, int(x.min()) - 1), max(0, int(y.min()) - 1)
    part = picture[top : int(y.max()) + 2, left : int(x.max()) + 2]
    high, wide = part.shape[:2]
    grid = np.stack([(x - left) * np.float32(2 / wide) - 1, (y - top) * np.float32(2 / high) - 1], axis=-1)
    planes = torch.from_numpy(part.astype(np.float32)).permute(2, 0, 1)[None]
    return F.grid_sample(planes, torch.from_numpy(grid)[None], padding_mode="border", align_corners=False)[0]


def nearest(mask: ClassMap, points: Points) -> ClassMap:
    """Return the class of the pixel that each point is in; beyond the edges nobody knows it."""
    height, width = mask.shape
    column, row = (np.floor(places).astype(np.int32) for places in points)
    # One comparison for both ends: below zero an unsigned number is a very large one.
    outside = (column.view(np.uint32) >= width) | (row.view(np.uint32) >= height)
    flat = row * np.int32(width) + column
    classes: ClassMap = mask.reshape(-1).take(np.where(outside, 0, flat))
    classes[outside] = VOID
    return classes


def folded(places: Places, length: int) -> Places:
    """Return places along a row with a mirror at either end.

    >>> folded(np.array([[-0.5, 1.0, 4.5]], np.float32), 4).tolist()
    [[0.5, 1.0, 3.5]]
    """
    while float(places.min()) < 0 or float(places.max()) > length:
        places = np.float32(length) - np.abs(np.float32(length) - np.abs(places))
    return places
