"""Scenes for segmentation that need no download: real digits on textured noise, with the mask of each.

The digits are those of scikit-learn, pasted at random places, sizes and angles, brighter or darker than the
ground. They keep apart, so every pixel has one answer. A scene depends on (seed, split, its number) alone:
asking for more scenes, or for fewer, changes none of the others.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from residua.data.digits import digit_pictures, digit_splits
from residua.errors import BadInput

CLASSES: Final = ("background", *(str(digit) for digit in range(10)))
COUNTS: Final = {"train": 2_000, "val": 100, "test": 200}
MOST: Final = 3
"""Digits in a scene; each has at least one."""
HEIGHTS: Final = (0.3, 0.5)
"""Of a digit, as a share of the side of the scene."""
TURN: Final = 25.0
"""Degrees to either side; more would make a 6 of a 9."""
SMALLEST: Final = 32
ATTEMPTS: Final = 60
EMPTY: Final = 2
"""Pixels without ink around the 8 × 8 pixels of a digit, so that its strokes end within the picture."""

Plane = Float32[np.ndarray, "side side"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenes:
    """One split of scenes: what a segmentation network sees, and the class of every pixel.

    Attributes:
        name: of the split.
        classes: a value in a mask is a position here; 0 is the background.
        names: of the scenes.
        pictures: grey.
        masks: the class of each pixel.
        digits: for each scene, which of the pictures of `digit_pictures` are in it.
    """

    name: str
    classes: tuple[str, ...]
    names: tuple[str, ...]
    pictures: UInt8[np.ndarray, "count side side 1"]
    masks: UInt8[np.ndarray, "count side side"]
    digits: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.names)


class Place(NamedTuple):
    """Where a digit is pasted: its middle and its height in pixels, its angle in radians."""

    x: float
    y: float
    height: float
    angle: float


def scenes(*, seed: int = 0, side: int = 64, counts: dict[str, int] | None = None) -> dict[str, Scenes]:
    """Draw train, val and test scenes; no digit picture is in two of them.

    Args:
        seed: the same seed gives the same scenes.
        side: of the square scenes, in pixels.
        counts: scenes in each split; a split that is not named is not drawn.

    Raises:
        BadInput: a side too small to tell digits apart, or a split that there is not.

    >>> drawn = scenes(counts={"val": 2})["val"]
    >>> drawn.pictures.shape, drawn.masks.shape, drawn.names
    ((2, 64, 64, 1), (2, 64, 64), ('scenes/val/0000', 'scenes/val/0001'))
    """
    counts = COUNTS if counts is None else counts
    if side < SMALLEST:
        raise BadInput(f"scenes of {side} pixels a side; digits need {SMALLEST} or more to be told apart")
    splits = digit_splits()
    if unknown := sorted(set(counts) - set(splits)):
        raise BadInput(f"scenes of {', '.join(unknown)}; there are train, val and test")
    return {
        name: drawn(name, np.array(splits[name]), count, side=side, seed=(seed, list(splits).index(name)))
        for name, count in counts.items()
    }


def drawn(name: str, indices: np.ndarray, count: int, *, side: int, seed: tuple[int, int]) -> Scenes:
    """Return `count` scenes with digits from `indices` alone."""
    pictures = np.empty((count, side, side, 1), np.uint8)
    masks = np.empty((count, side, side), np.uint8)
    digits = []
    for number in range(count):
        random = np.random.default_rng((*seed, number))
        picture, masks[number], used = scene(indices, side, random)
        pictures[number, :, :, 0] = np.rint(255 * picture.clip(0, 1))
        digits.append(used)
    return Scenes(
        name=name,
        classes=CLASSES,
        names=tuple(f"scenes/{name}/{number:04d}" for number in range(count)),
        pictures=pictures,
        masks=masks,
        digits=tuple(digits),
    )


def scene(
    indices: np.ndarray, side: int, random: np.random.Generator
) -> tuple[Plane, UInt8[np.ndarray, "side side"], tuple[int, ...]]:
    """Return one scene on a scale of 0 to 1, its mask, and which digit pictures it shows."""
    pixels, labels = digit_pictures()
    level = random.uniform(0.3, 0.7)
    picture = level + random.uniform(0.04, 0.1) * texture(side, random)
    mask = np.zeros((side, side), np.uint8)
    used = []
    for place in places(side, random):
        index = int(random.choice(indices))
        cover = pasted(pixels[index, :, :, 0], place, side)
        darker = random.random() < 0.5
        tone = level + random.uniform(0.25, 0.45) * (-1 if darker else 1)
        picture += cover * (tone + 0.05 * texture(side, random) - picture)
        mask[cover > 0.5] = 1 + labels[index]
        used.append(index)
    grain = 0.02 * random.standard_normal((side, side), dtype=np.float32)
    return picture + grain, mask, tuple(used)


def places(side: int, random: np.random.Generator) -> Iterator[Place]:
    """Walk one to three places whose digits are within the scene and apart from one another."""
    taken: list[tuple[float, float, float]] = []
    wanted = int(random.integers(1, MOST + 1))
    for _ in range(ATTEMPTS):
        height = side * random.uniform(*HEIGHTS)
        angle = math.radians(random.uniform(-TURN, TURN))
        # A digit is narrower than it is high: smaller discs than that of its whole square hold it.
        radius, reach = 0.6 * height, 0.66 * height
        x, y = random.uniform(reach, side - reach, size=2).tolist()
        if all(math.dist((x, y), (other_x, other_y)) > radius + other for other_x, other_y, other in taken):
            taken.append((x, y, radius))
            yield Place(x, y, height, angle)
        if len(taken) == wanted:
            return


def pasted(digit: UInt8[np.ndarray, "8 8"], place: Place, side: int) -> Plane:
    """Return how much of each pixel of a scene the digit covers, from 0 to 1; half is the edge of its mask."""
    ink = np.pad(digit, EMPTY).astype(np.float32) / 255
    pixels = place.height / len(digit)  # of the scene, for one of the digit
    cos, sin = math.cos(place.angle) / pixels, math.sin(place.angle) / pixels
    middle = len(ink) / 2
    # Pillow asks where in the digit each pixel of the scene lies.
    matrix = (
        *(cos, sin, middle - cos * place.x - sin * place.y),
        *(-sin, cos, middle + sin * place.x - cos * place.y),
    )
    moved = Image.fromarray(ink).transform(
        (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
    )
    # Enlarged ink fades over several pixels; made steeper it fades over about one, as in a photo.
    return ((np.asarray(moved) - 0.5) * pixels + 0.5).clip(0, 1)


def texture(side: int, random: np.random.Generator) -> Plane:
    """Return noise of mean 0 and deviation 1 that is coarse and fine at once, more or less of each."""
    planes = np.zeros((side, side), np.float32)
    for cells in (4, 8, 16, 32):
        coarse = Image.fromarray(random.standard_normal((cells, cells), dtype=np.float32))
        planes += random.random() * np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
    centred: Plane = planes - planes.mean()
    return centred / max(float(centred.std()), 1e-6)
