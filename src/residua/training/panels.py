"""What was said of a picture beside the picture and the truth, as small pictures for a report."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from residua.data.masks import ClassMap, MaskEncoding, Raster, full_scale
from residua.files import writing
from residua.types import VOID

LONGEST: Final = 480
"""Side of a panel in pixels at most."""
WRONG: Final = (226, 58, 46)
"""The colour of a pixel whose class is wrong."""

Colours = np.ndarray
"""Height × width × 3, uint8."""


def write_panels(
    folder: Path, stem: str, picture: Raster, masks: tuple[ClassMap, ClassMap], encoding: MaskEncoding
) -> dict[str, str]:
    """Write four panels of one size; return the names of their files.

    Args:
        folder: to write to.
        stem: their names begin with it.
        picture: at its original size.
        masks: the truth, and what was said.
        encoding: of the masks, for their colours.
    """
    size = panel_size(*picture.shape[:2])
    seen = np.asarray(Image.fromarray(shown(picture)).resize(size, Image.Resampling.BILINEAR))
    truth, guess = (
        np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)) for mask in masks
    )
    panels = {
        "image": (f"{stem}-image.jpg", seen),
        "truth": (f"{stem}-truth.png", coloured(truth, encoding)),
        "prediction": (f"{stem}-prediction.png", coloured(guess, encoding)),
        "error": (f"{stem}-error.png", errors(seen, truth, guess)),
    }
    for name, pixels in panels.values():
        with writing(folder / name):
            Image.fromarray(pixels).save(folder / name, quality=85)
    return {panel: name for panel, (name, _) in panels.items()}


def panel_size(height: int, width: int) -> tuple[int, int]:
    """Return width and height of a panel of a picture.

    >>> panel_size(360, 480), panel_size(3000, 6000), panel_size(64, 64)
    ((480, 360), (480, 240), (64, 64))
    """
    share = min(1.0, LONGEST / max(height, width))
    return max(1, round(width * share)), max(1, round(height * share))


def shown(picture: Raster) -> Colours:
    """Return a picture of any depth and any number of channels in 8 bits and three colours.

    More channels than three show their first three, two their first. What has more than 8 bits is stretched from its
    2nd to its 98th percentile, since it seldom uses its whole scale.
    """
    planes = picture[:, :, :3] if picture.shape[2] >= 3 else np.repeat(picture[:, :, :1], 3, axis=2)
    if planes.dtype == np.uint8:
        return np.ascontiguousarray(planes)
    values = planes.astype(np.float32) / full_scale(picture)
    low, high = np.percentile(values[:: 1 + len(values) // 1000], (2, 98))
    stretched: Colours = (255 * ((values - low) / max(high - low, 1e-6)).clip(0, 1)).astype(np.uint8)
    return stretched


def coloured(mask: ClassMap, encoding: MaskEncoding) -> Colours:
    """Return a class map in the colours of its classes; void is black."""
    table = np.zeros((VOID + 1, 3), np.uint8)
    colours = encoding.colours()
    table[: len(colours)] = colours
    found: Colours = table[mask]
    return found


def errors(picture: Colours, truth: ClassMap, guess: ClassMap) -> Colours:
    """Return the picture in grey, with what is wrong in red and void dark."""
    grey = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    void = truth == VOID
    grey = np.where(void[:, :, None], grey / 4, 64 + grey / 2)
    wrong = (truth != guess) & ~void
    found: Colours = np.where(wrong[:, :, None], 0.25 * grey + 0.75 * np.array(WRONG), grey).astype(np.uint8)
    return found


def overlaid(picture: Colours, mask: ClassMap, encoding: MaskEncoding, *, strength: float = 0.5) -> Colours:
    """Return the picture with each pixel tinted by the colour of its class, in place; rows at a time.

    Args:
        picture: is changed.
        mask: of the same size.
        encoding: of the masks.
        strength: of the tint.
    """
    colours = coloured(np.arange(VOID + 1, dtype=np.uint8)[None], encoding)[0].astype(np.float32) * strength
    for top in range(0, len(picture), 256):
        rows = slice(top, top + 256)
        picture[rows] = (picture[rows] * (1 - strength) + colours[mask[rows]]).astype(np.uint8)
    return picture
