"""Two pictures in one: mixup and CutMix, which mix the targets as they mix the pictures."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from residua.data.augment import Augment
from residua.types import Images, Labels


def mixed(
    images: Images, labels: Labels, augment: Augment, classes: int, random: np.random.Generator
) -> tuple[Images, Tensor]:
    """Mix a batch with itself in another order, if `augment` says so; with both kinds, one by chance.

    Args:
        images: a batch.
        labels: of it.
        augment: says which kinds, and how much.
        classes: how many there are.
        random: for this batch alone.

    Returns:
        images, and labels or, when mixed, the share of each class.
    """
    if not augment.mixes:
        return images, labels
    cut = augment.cutmix > 0 and (augment.mixup == 0 or random.random() < 0.5)
    alpha = augment.cutmix if cut else augment.mixup
    kept = float(random.beta(alpha, alpha))
    order = torch.from_numpy(random.permutation(len(images)))
    if cut:
        images, kept = pasted(images, order, kept, random)
    else:
        images = images.lerp(images[order], 1 - kept)
    shares = F.one_hot(labels, classes).float()
    return images, shares.lerp(shares[order], 1 - kept)


def pasted(images: Images, order: Tensor, kept: float, random: np.random.Generator) -> tuple[Images, float]:
    """Put a box of each picture's partner into it; return also the share of the picture that is left."""
    height, width = images.shape[-2:]
    side = math.sqrt(1 - kept)
    high, wide = round(height * side), round(width * side)
    top, left = int(random.integers(height - high + 1)), int(random.integers(width - wide + 1))
    box = (..., slice(top, top + high), slice(left, left + wide))
    images = images.clone()
    images[box] = images[order][box]
    return images, 1 - high * wide / (height * width)
