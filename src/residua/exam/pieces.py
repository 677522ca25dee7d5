"""What pictures hold wherever it lies: the answers of small pieces, cut out of the pictures themselves, to all of them.

Single layers of random or cut-out kernels tell pictures apart surprisingly well (Coates & Ng 2011, AISTATS), and unlike
pixels they do not ask that a thing lie in the same place in two pictures.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

PIECES: Final = 96
SIDE: Final = 5
"""Pixels of a piece, of a picture brought to `LARGEST` pixels a side."""
LARGEST: Final = 24


def pieces(pictures: Tensor) -> Tensor:
    """Return for each picture how far and how often it looks like small pieces of the batch, and like their negatives.

    Args:
        pictures: batch × channels × height × width.

    Returns:
        Batch × features, each of mean 0 and deviation 1.

    >>> stripes = torch.tensor([1.0, -1.0]).repeat(8).expand(1, 16, 16)
    >>> spot = torch.zeros(1, 16, 16).index_fill_(2, torch.tensor([5]), 9.0)
    >>> moved = torch.stack([stripes, stripes.roll(1, 2), spot, spot.roll(3, 2)])
    >>> torch.cdist(pieces(moved), pieces(moved))[0].argsort()[1].item()
    1
    """
    high, wide = (min(LARGEST, side) for side in pictures.shape[-2:])
    seen = standard(F.adaptive_avg_pool2d(pictures.float(), (high, wide)), (0, 2, 3))
    side, generator = min(SIDE, high, wide), torch.Generator().manual_seed(0)

    def drawn(most: int) -> list[int]:
        found: list[int] = torch.randint(most, (PIECES,), generator=generator).tolist()
        return found

    places = zip(drawn(len(seen)), drawn(high - side + 1), drawn(wide - side + 1), strict=True)
    kernels = [seen[place, :, top : top + side, left : left + side] for place, top, left in places]
    cut = torch.stack(kernels)
    cut = cut - cut.mean((1, 2, 3), keepdim=True)
    found = F.conv2d(seen, cut / cut.flatten(1).norm(dim=1)[:, None, None, None].clamp_min(1e-6))
    clear = found.std()
    likeness = torch.cat([F.relu(found - clear), F.relu(-found - clear)], 1)
    return standard(torch.cat([likeness.mean((2, 3)), likeness.amax((2, 3))], 1), (0,))


def standard(values: Tensor, over: tuple[int, ...]) -> Tensor:
    """Return values with mean 0 and deviation 1 over some axes."""
    return (values - values.mean(over, keepdim=True)) / values.std(over, keepdim=True).clamp_min(1e-6)
