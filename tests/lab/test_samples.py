"""The pictures of the lab are normalised, mixed, and divided as everywhere."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from residua.lab.samples import samples


def test_digits_are_normalised_and_mixed() -> None:
    digits = samples()
    assert (len(digits.train[1]), len(digits.test[1])) == (1347, 450)
    assert abs(digits.train[0].mean().item()) < 0.01
    assert abs(digits.train[0].std().item() - 1) < 0.01
    assert digits.batch(64)[1].unique().numel() == 10
    assert (digits.channels, digits.size, digits.classes) == (1, 8, 10)


def test_the_order_is_the_same_each_time() -> None:
    first = samples().train[1]
    samples.cache_clear()
    assert torch.equal(first, samples().train[1])


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for split in ("train", "val"):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            for index in range(3):
                pixels = generator.integers(0, 256, (12, 12, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / name / f"{index}.png")
    pictures = samples(str(tmp_path))
    assert pictures.train[0].shape == (6, 3, 12, 12)
    assert pictures.test[0].shape == (6, 3, 12, 12)
    assert pictures.classes == 2
