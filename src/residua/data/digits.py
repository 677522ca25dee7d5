"""The 1,797 handwritten digits of 8 × 8 pixels that scikit-learn carries: data that needs no download."""

from functools import cache

import numpy as np
from jaxtyping import Int64, UInt8

from residua.data.dividing import held_out


@cache
def digit_pictures() -> tuple[UInt8[np.ndarray, "1797 8 8 1"], Int64[np.ndarray, "1797"]]:
    """Return the pictures, their values 0-16 scaled to 0-255, and the digit that each shows."""
    from sklearn.datasets import load_digits  # takes most of a second, and only digits need it

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    return pixels, digits.target.astype(np.int64)


def digit_splits() -> dict[str, list[int]]:
    """Return the indices of train, val and test: the same whatever the seed of a run, so results compare."""
    _, labels = digit_pictures()
    rest, test = held_out(labels, 450, seed=0)
    train, val = held_out(labels[rest], 135, seed=1)
    return {"train": rest[train].tolist(), "val": rest[val].tolist(), "test": test.tolist()}
