"""How the peers' recipes vary a batch: pictures moved over a border of their own, and some of them mirrored."""

from typing import Literal

import numpy as np


def moved(
    pictures: np.ndarray,
    random: np.random.Generator,
    *,
    most: int,
    mirrored: np.ndarray,
    edge: Literal["reflect", "constant"],
) -> np.ndarray:
    """Return pictures moved by up to `most` pixels each way.

    Args:
        pictures: uint8, N × side × side × 3.
        random: draws the moves.
        most: pixels.
        mirrored: which of the pictures are turned left to right.
        edge: what is seen beyond a border: the picture's own mirror image, or black.
    """
    side = pictures.shape[1]
    padded = np.pad(pictures, ((0, 0), (most, most), (most, most), (0, 0)), mode=edge)
    result = np.empty_like(pictures)
    moves = random.integers(0, 2 * most + 1, (len(pictures), 2))
    for place, ((top, left), turn) in enumerate(zip(moves.tolist(), mirrored.tolist(), strict=True)):
        cut = padded[place, top : top + side, left : left + side]
        result[place] = cut[:, ::-1] if turn else cut
    return result
