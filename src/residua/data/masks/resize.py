"""Pictures of any depth and any number of channels, made smaller, or brought to the channels of a set."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from residua.data.masks.rasters import Raster, full_scale
from residua.data.reducing import to_image, to_picture
from residua.data.refusals import UnreadablePicture

_GREY = (0.299, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601), as Pillow weighs them."""


def reduced_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """Return height and width at `scale`, each at least 1.

    >>> reduced_size(360, 480, 0.5), reduced_size(3, 1, 0.5)
    ((180, 240), (2, 1))
    """
    return max(1, round(height * scale)), max(1, round(width * scale))


def reduced(picture: Raster, scale: float) -> Raster:
    """Return the picture at `scale` of its height and width; the filter widens as it shrinks, so nothing is skipped."""
    if scale == 1:
        return picture
    height, width = reduced_size(picture.shape[0], picture.shape[1], scale)
    if picture.dtype == np.uint8 and picture.shape[2] in (1, 3):
        return to_picture(to_image(picture).resize((width, height), Image.Resampling.BILINEAR))
    planes = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]
    smaller = (
        F.interpolate(planes, (height, width), mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
    )
    if picture.dtype == np.float32:
        return np.ascontiguousarray(smaller)
    rounded: Raster = np.rint(smaller).clip(0, full_scale(picture)).astype(picture.dtype)
    return rounded


def with_channels_of(picture: Raster, channels: int, name: str) -> Raster:
    """Return the picture with `channels`: grey is repeated, and colour is made grey, where the set is otherwise.

    Raises:
        UnreadablePicture: it has other channels that nothing translates.
    """
    own = picture.shape[2]
    if own == channels:
        return picture
    if own == 1 and channels == 3:
        return np.repeat(picture, 3, axis=2)
    if own == 3 and channels == 1:
        grey = picture.astype(np.float32) @ np.array(_GREY, np.float32)
        return (grey if picture.dtype == np.float32 else np.rint(grey).astype(picture.dtype))[:, :, None]
    raise UnreadablePicture(name, f"it has {own} channels, and the others have {channels}")
