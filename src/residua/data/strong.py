"""Two operations out of fourteen for each picture: RandAugment (Cubuk et al. 2019, arXiv:1909.13719).

Where the paper sets one magnitude for all, each is drawn here, from nothing to the largest of the paper's range:
so there is none to be tuned. What a turn or a shift leaves free shows the picture's own mirrored edge, not black.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from residua.data.pictures import Picture
from residua.data.reducing import to_image, to_picture

Operation = Callable[[Image.Image, float], Image.Image]

TIMES: Final = 2
"""Operations on each picture."""
STRONG_DRAWS: Final = 2 * TIMES
"""Numbers drawn for each picture: which operation, and how much of it, for each of them."""
_TURN, _SHEAR, _MOVE, _RECOLOUR = math.radians(30), 0.3, 0.3, 0.9
"""The most of each: an angle, a slope, a share of the side, and how far an enhancement goes from 1."""


def varied(picture: Picture, draws: np.ndarray) -> Picture:
    """Return the picture after `TIMES` operations: uint8, of the same shape.

    Args:
        picture: square, as the network will see it.
        draws: its `STRONG_DRAWS` numbers in [0, 1).
    """
    operations = list((OPERATIONS if picture.shape[2] == 3 else OF_GREY).values())
    image = to_image(picture)
    for which, amount in draws.reshape(TIMES, 2).tolist():
        image = operations[int(which * len(operations))](image, amount)
    return to_picture(image)


def identity(image: Image.Image, amount: float) -> Image.Image:
    """Return the picture as it is."""
    return image


def autocontrast(image: Image.Image, amount: float) -> Image.Image:
    """Stretch each channel from its darkest and its brightest value to 0 and 255."""
    return ImageOps.autocontrast(image)


def equalised(image: Image.Image, amount: float) -> Image.Image:
    """Make every brightness of a channel equally frequent."""
    return ImageOps.equalize(image)


def solarised(image: Image.Image, amount: float) -> Image.Image:
    """Invert what is brighter than a threshold, which falls as the amount grows."""
    return ImageOps.solarize(image, round(256 * (1 - amount)))


def posterised(image: Image.Image, amount: float) -> Image.Image:
    """Keep the 8 to 4 highest bits."""
    return ImageOps.posterize(image, 8 - round(4 * amount))


def enhanced(
    kind: Callable[[Image.Image], ImageEnhance._Enhance], image: Image.Image, amount: float
) -> Image.Image:
    """Lower or raise a property of the picture, by up to nine tenths."""
    return kind(image).enhance(1 + _RECOLOUR * signed(amount))


def turned(image: Image.Image, amount: float) -> Image.Image:
    """Turn the picture about its middle, by up to 30 degrees either way."""
    angle = _TURN * signed(amount)
    return seen_through(image, (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle)))


def sheared_across(image: Image.Image, amount: float) -> Image.Image:
    """Push the rows sideways, the more the farther they are from the middle."""
    return seen_through(image, (1, _SHEAR * signed(amount)), (0, 1))


def sheared_down(image: Image.Image, amount: float) -> Image.Image:
    """Push the columns up and down, the more the farther they are from the middle."""
    return seen_through(image, (1, 0), (_SHEAR * signed(amount), 1))


def moved_across(image: Image.Image, amount: float) -> Image.Image:
    """Move the picture sideways, by up to three tenths of its width."""
    return seen_through(image, (1, 0), (0, 1), right=round(_MOVE * signed(amount) * image.width))


def moved_down(image: Image.Image, amount: float) -> Image.Image:
    """Move the picture up or down, by up to three tenths of its height."""
    return seen_through(image, (1, 0), (0, 1), down=round(_MOVE * signed(amount) * image.height))


OPERATIONS: Final[dict[str, Operation]] = {
    "identity": identity,
    "autocontrast": autocontrast,
    "equalise": equalised,
    "rotate": turned,
    "solarise": solarised,
    "colour": partial(enhanced, ImageEnhance.Color),
    "posterise": posterised,
    "contrast": partial(enhanced, ImageEnhance.Contrast),
    "brightness": partial(enhanced, ImageEnhance.Brightness),
    "sharpness": partial(enhanced, ImageEnhance.Sharpness),
    "shear across": sheared_across,
    "shear down": sheared_down,
    "move across": moved_across,
    "move down": moved_down,
}
"""Those of the paper, by name."""
OF_GREY: Final = {name: operation for name, operation in OPERATIONS.items() if name != "colour"}
"""Those that change a grey picture."""


def signed(amount: float) -> float:
    """Return a number from -1 to 1 for one from 0 to 1."""
    return 2 * amount - 1


def seen_through(
    image: Image.Image,
    across: tuple[float, float],
    down_by: tuple[float, float],
    *,
    right: int = 0,
    down: int = 0,
) -> Image.Image:
    """Return the picture whose point (x, y) from its middle shows what lies at another point of `image`.

    Args:
        image: its edge is mirrored into what lies beyond it.
        across: how far right that point is for each step in x and in y.
        down_by: how far down it is for each.
        right: how many pixels farther right it is.
        down: how many farther down.
    """
    width, height = image.size
    # Half of a side is enough for each operation, and one pixel for the interpolation.
    margin = max(width, height) // 2 + 1
    edges = ((margin, margin), (margin, margin), (0, 0))
    beyond = to_image(np.pad(to_picture(image), edges, mode="reflect"))
    x, y = width / 2, height / 2
    matrix = (
        *(*across, margin + x + right - across[0] * x - across[1] * y),
        *(*down_by, margin + y + down - down_by[0] * x - down_by[1] * y),
    )
    return beyond.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
