"""How much each pixel weighs that lies between two regions: equation 2 of the U-Net paper."""

from typing import Final

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from residua.types import VOID, Masks

WEIGHT: Final = 10.0
"""The paper's w0: what is added where two regions touch."""
SIGMA: Final = 5.0
"""In pixels, the paper's: how fast the weight falls with the gap."""
REACH: Final = 20
"""In pixels: from here on the weight is below 0.003, and is taken to be 0."""

Plane = np.ndarray


def border_weights(masks: Masks, *, background: int | None = 0, void: int = VOID) -> Tensor:
    """Return w0 exp(-(d1 + d2)² / 2 σ²) for each pixel, d1 and d2 being its distances to the two nearest regions.

    Ronneberger et al. 2015 (arXiv:1505.04597), equation 2, w0 = 10 and σ = 5 pixels. A region is a piece of one class
    that hangs together by the sides of its pixels; the background and void are none. A pixel within a region is at
    distance 0 from it.

    Args:
        masks: the class of each pixel.
        background: the class between the regions; None where every class has regions.
        void: the value that stands for no class.

    >>> masks = torch.tensor([[[1, 0, 0, 1]]])
    >>> border_weights(masks).round(decimals=2)  # the gap is 3 pixels from middle to middle: 10 exp(-9 / 50)
    tensor([[[8.3500, 8.3500, 8.3500, 8.3500]]])
    """
    found = np.zeros(masks.shape, np.float32)  # of a process's share of a batch, which may be empty
    for place, mask in enumerate(masks.cpu().numpy()):
        found[place] = plane_weights(mask, background, void)
    return torch.from_numpy(found).to(masks.device)


def plane_weights(mask: Plane, background: int | None, void: int) -> Plane:
    """Return the weights of one mask."""
    regions = labelled(mask, background, void)
    first = np.full(mask.shape, np.inf, np.float32)
    second = first.copy()
    for number, box in enumerate(ndimage.find_objects(regions), start=1):
        # Farther away than this the region changes no weight, and most regions are small.
        around = tuple(slice(max(0, side.start - REACH), side.stop + REACH) for side in box)
        distance = ndimage.distance_transform_edt(regions[around] != number).astype(np.float32)
        nearest, next_nearest = first[around], second[around]
        second[around] = np.minimum(next_nearest, np.maximum(nearest, distance))
        first[around] = np.minimum(nearest, distance)
    gap = first + second
    gap[gap > REACH] = np.inf
    weights: Plane = WEIGHT * np.exp(-(gap**2) / (2 * SIGMA**2))
    return weights


def labelled(mask: Plane, background: int | None, void: int) -> Plane:
    """Return a number for each region, from 1; 0 for what is none."""
    regions = np.zeros(mask.shape, np.int32)
    for value in np.unique(mask):
        if value not in (background, void):
            pieces, _ = ndimage.label(mask == value)
            regions = np.where(pieces > 0, pieces + regions.max(), regions)
    return regions
