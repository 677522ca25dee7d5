"""Preprocessing in the graph does what Pillow does, but for rounding to bytes."""

from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from residua.data import Preprocess
from residua.data.masks import MaskPreprocess
from residua.export.inside import Inside


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("shape", [(100, 140), (64, 64), (40, 33), (73, 73), (300, 70)])
def test_a_picture_is_cut_and_resized_as_pillow_does(
    shape: tuple[int, int], interpolation: Literal["bilinear", "bicubic"]
) -> None:
    """Pillow rounds to bytes after each of the two passes: at most half a level each, and a cubic widens it."""
    preprocess = Preprocess(
        size=64,
        resize=73,
        channels=3,
        mean=(0.4, 0.5, 0.6),
        std=(0.2, 0.3, 0.25),
        interpolation=interpolation,
        read_side=128,
    )
    # Away from 0 and 255: what a cubic overshoots is cut off between the passes, whose order Pillow chooses by size.
    picture = np.random.default_rng(0).integers(80, 176, (*shape, 3), dtype=np.uint8)
    pillow = preprocess.normalise(preprocess.pixels(picture)[None])
    ours = Inside(nn.Identity(), preprocess)(as_batch(picture))
    levels = (ours - pillow).abs() * torch.tensor(preprocess.std)[:, None, None] * 255
    assert levels.max() < 1.6


def as_batch(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    preprocess = Preprocess(size=8, resize=8, channels=1, mean=(0.0,), std=(1.0,), read_side=16)
    pixels = torch.randint(0, 256, (2, 1, 8, 8)).byte()
    assert torch.allclose(Inside(nn.Identity(), preprocess)(pixels), pixels / 255, atol=1e-6)


def test_a_network_of_every_pixel_gets_the_picture_whole() -> None:
    preprocess = MaskPreprocess(crop=(8, 8), scale=1.0, channels=1, mean=(0.5,), std=(0.5,))
    pixels = torch.randint(0, 256, (2, 1, 13, 9)).byte()
    seen = Inside(nn.Identity(), preprocess)(pixels)
    assert torch.allclose(seen, (pixels / 255 - 0.5) / 0.5, atol=1e-6)
