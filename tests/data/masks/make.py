"""Small sets of pictures with masks, in the layouts and encodings that people have."""

from pathlib import Path

import numpy as np
from PIL import Image

from residua.data import scenes


def saved(path: Path, pixels: np.ndarray) -> None:
    """Write an array as a picture, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def blobs(
    count: int, *, seed: int = 0, height: int = 40, width: int = 56
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return RGB pictures of three kinds of discs, and the class of each pixel: 0 for the ground, 1 to 3."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    found = []
    for _ in range(count):
        picture = random.integers(60, 120, (height, width, 3), np.uint8)
        mask = np.zeros((height, width), np.uint8)
        for label in (1, 2, 3):
            row, column = random.integers(6, height - 6), random.integers(6, width - 6)
            inside = (rows - row) ** 2 + (columns - column) ** 2 < random.integers(3, 7) ** 2
            mask[inside] = label
            picture[inside] = (200, 40, 40 * label)
        found.append((picture, mask))
    return found


def two_folders(root: Path, count: int = 12, *, binary: bool = False) -> Path:
    """Write `images/N.jpg` and `masks/N.png`; with `binary` the masks are 0 and 255."""
    for index, (picture, mask) in enumerate(blobs(count)):
        saved(root / "images" / f"{index:02d}.jpg", picture)
        saved(root / "masks" / f"{index:02d}.png", (mask > 0) * np.uint8(255) if binary else mask)
    return root


def scenes_as_files(root: Path, count: int, *, side: int = 512, seed: int = 0) -> Path:
    """Write scenes as a stranger has them: two flat folders, pictures and masks of 0 and 255."""
    drawn = scenes(seed=seed, side=side, counts={"train": count})["train"]
    for index in range(count):
        saved(root / "images" / f"scene_{index:03d}.png", drawn.pictures[index, :, :, 0])
        saved(root / "masks" / f"scene_{index:03d}.png", (drawn.masks[index] > 0) * np.uint8(255))
    return root
