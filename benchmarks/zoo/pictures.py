"""What the networks of the zoo are trained on: digits, scenes with masks, and photos small and smaller.

The photos are CIFAR-10 as class folders, in the folder that RESIDUA_DATA names or in `.data`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final, Literal, final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.data import read_picture, scenes
from residua.lab.samples import samples
from residua.look import Examples

Kind = Literal["digits", "digits32", "scenes", "photos16", "photos32"]
EACH_CLASS = 120


@final
@dataclass(frozen=True, slots=True)
class Pictures:
    """A set of pictures that networks are trained on and scored with.

    Attributes:
        channels: of the pictures.
        side: in pixels.
        classes: of a picture, or of its pixels.
        chance: score of an answer that looks at nothing.
        usual: score on its own training pictures of a network that is well, trained as briefly as the zoo trains.
        epochs: how often each picture is seen.
        batch: pictures a step.
        read: gives the examples to train on.
        test: gives others.
    """

    channels: int
    side: int
    classes: int
    chance: float
    usual: float
    epochs: int
    batch: int
    read: Callable[[], Examples]
    test: Callable[[], Examples]

    def progress(self, score: float) -> float:
        """Return how far a score is on the way from chance to what is usual."""
        return (score - self.chance) / (self.usual - self.chance)


def digits() -> Examples:
    """Return the embedded digits, 8 × 8."""
    return samples().train


def other_digits() -> Examples:
    """Return the digits that are for testing."""
    return samples().test


def large_digits(examples: Callable[[], Examples]) -> Examples:
    """Return digits at 32 × 32 in three channels, for networks that are made for photos."""
    pictures, labels = examples()
    return F.interpolate(pictures, scale_factor=4, mode="bilinear").expand(-1, 3, -1, -1).contiguous(), labels


@cache
def drawn_scenes(split: Literal["train", "test"]) -> Examples:
    """Return scenes of 32 × 32 with masks of two classes: a digit, or none."""
    drawn = scenes(counts={split: {"train": 512, "test": 128}[split]}, side=32)[split]
    pictures = normalised(torch.from_numpy(drawn.pictures).permute(0, 3, 1, 2))
    return pictures, torch.from_numpy((drawn.masks > 0).astype(np.int64))


@cache
def photos(split: Literal["train", "test"]) -> Examples:
    """Return some of the pictures of CIFAR-10, 32 × 32, in an order drawn once."""
    folder = Path(os.environ.get("RESIDUA_DATA", ".data")) / "cifar10" / split
    if not folder.is_dir():
        raise SystemExit(
            f"there are no photos in {folder}; name the folder that holds cifar10/ in RESIDUA_DATA"
        )
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    files = [(file, label) for label, of in enumerate(classes) for file in sorted(of.iterdir())[:EACH_CLASS]]
    order = np.random.default_rng(0).permutation(len(files))
    pixels = np.stack([read_picture(files[place][0]) for place in order])
    labels = torch.tensor([files[place][1] for place in order])
    return normalised(torch.from_numpy(pixels).permute(0, 3, 1, 2)), labels


@cache
def half_photos(split: Literal["train", "test"]) -> Examples:
    """Return the same pictures at half their size."""
    pictures, labels = photos(split)
    return normalised(F.avg_pool2d(pictures, 2)), labels


def normalised(pictures: Tensor) -> Tensor:
    """Return pictures with mean 0 and deviation 1."""
    floats = pictures.float().contiguous()
    return (floats - floats.mean()) / floats.std()


PICTURES: Final[dict[Kind, Pictures]] = {
    "digits": Pictures(1, 8, 10, 0.1, 1.0, 8, 64, digits, other_digits),
    "digits32": Pictures(
        3, 32, 10, 0.1, 1.0, 12, 64, partial(large_digits, digits), partial(large_digits, other_digits)
    ),
    "scenes": Pictures(
        1, 32, 2, 0.0, 0.6, 16, 32, partial(drawn_scenes, "train"), partial(drawn_scenes, "test")
    ),
    "photos16": Pictures(
        3, 16, 10, 0.1, 0.5, 8, 64, partial(half_photos, "train"), partial(half_photos, "test")
    ),
    "photos32": Pictures(3, 32, 10, 0.1, 0.4, 6, 64, partial(photos, "train"), partial(photos, "test")),
}


@torch.no_grad()
def score(model: nn.Module, examples: Examples) -> float:
    """Return the share of pictures that are right, or of masks the overlap with the truth (IoU of class 1)."""
    inputs, targets = examples
    model.eval()
    try:
        guess = torch.cat([model(some).argmax(1) for some in inputs.split(128)])
    except (RuntimeError, ValueError):  # a fault may leave a network that answers nothing in evaluation mode
        return 0.0
    if targets.ndim == 1:
        return (guess == targets).double().mean().item()
    return ((guess & targets).sum() / (guess | targets).sum().clamp_min(1)).item()
