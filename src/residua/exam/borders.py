"""Whether masks fit the pictures that they stand beside, as far as edges tell without a network."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

FEWEST_MASKS = 8
BETTER = 4.0
"""Deviations by which masks lie better on the edges of their pictures when they are flipped, if they should be."""
MOVED = 8.0
"""The same if they were moved by some pixels, of which there are many ways."""
REACHED = 8
"""Pixels by which they are moved, at most."""
MOST_MASKS, LARGEST = 64, 256
"""Pictures for which that is tried, and pixels a side from their middle."""
MOSTLY = 0.75
"""Share of the pictures in which they do."""
FOREGROUND = 255
"""What stands for the one class in files of masks that are black and white."""
IGNORED = (-100, 255)
"""What stands for no class in masks: PyTorch's own value, and that of most data sets."""
WAYS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "flipped left to right": lambda masks: masks.flip(-1),
    "flipped upside down": lambda masks: masks.flip(-2),
    "turned by half a turn": lambda masks: masks.flip(-2, -1),
    "with rows and columns exchanged": lambda masks: masks.transpose(-2, -1),
}


def edges(pictures: Tensor, masks: Tensor, void: Tensor) -> float | None:
    """Return how much more the pictures change on the edges of their own masks than on those of others.

    In deviations over the pictures. Masks that are out of step with their pictures give about 0. Where a class borders
    on what is void nobody says that there is an edge.
    """
    if len(pictures) < FEWEST_MASKS or pictures.ndim != 4 or masks.shape[-2:] != pictures.shape[-2:]:
        return None
    changes = steps(pictures, lambda later, earlier: (later - earlier).abs().sum(1))
    borders = outlines(masks, void)
    seen = borders.sum((1, 2)) > 0
    if 2 * seen.sum() < len(pictures):
        return None
    own, other = (meeting(changes[seen], shown) for shown in (borders[seen], borders[seen].roll(1, 0)))
    apart = own - other
    deviation = apart.std().item() / math.sqrt(len(apart))
    return apart.mean().item() / deviation if deviation else None


def turned(pictures: Tensor, masks: Tensor, void: Tensor) -> tuple[str, float] | None:
    """Return in which way masks would lie far better on the edges of their pictures, and by how many deviations.

    Each picture is compared with itself, and in most the mask must lie better, flipped or moved; None where none does.
    """
    if edges(pictures, masks, void) is None:
        return None
    changes = steps(pictures, lambda later, earlier: (later - earlier).abs().sum(1))
    changes = changes / changes.mean((1, 2), keepdim=True).clamp_min(1e-12)
    own = meeting(changes, outlines(masks, void))
    found = {}
    for way, turn in WAYS.items():
        if turn(masks).shape == masks.shape:
            found[way] = gained(meeting(changes, outlines(turn(masks), turn(void))) - own)
    changes, borders = (middle(values[:MOST_MASKS]) for values in (changes, outlines(masks, void)))
    found |= {way: told for way, told in moved(changes, borders).items() if told > MOVED}
    best = max(found, key=lambda way: found[way])
    return (best, found[best]) if found[best] > BETTER else None


def middle(planes: Tensor) -> Tensor:
    """Return the middle of pictures that are larger than a move needs to be seen by.

    >>> middle(torch.zeros(1, 300, 100)).shape
    torch.Size([1, 256, 100])
    """
    for axis in (-2, -1):
        beyond = max(0, planes.shape[axis] - LARGEST)
        planes = planes.narrow(axis, beyond // 2, planes.shape[axis] - beyond)
    return planes


def moved(changes: Tensor, borders: Tensor) -> dict[str, float]:
    """Return by how many deviations masks would lie better on edges if they were moved, for each way to move them.

    All ways at once, by a product of the spectra; what is moved out at one side comes in at the other.
    """
    high, wide = changes.shape[-2:]
    both = torch.fft.rfft2(changes) * torch.fft.rfft2(borders).conj()
    there = torch.fft.irfft2(both, s=(high, wide)) / borders.sum((1, 2)).clamp_min(1)[:, None, None]
    found = {}
    for down in range(-min(REACHED, high // 3), min(REACHED, high // 3) + 1):
        for right in range(-min(REACHED, wide // 3), min(REACHED, wide // 3) + 1):
            if max(abs(down), abs(right)) > 1:  # by one pixel people differ
                way = f"{abs(down)} pixels {'down' if down > 0 else 'up'} and {abs(right)} to the "
                way += "right" if right > 0 else "left"
                found[f"moved {way}"] = gained(there[:, down, right] - there[:, 0, 0])
    return found


def gained(gain: Tensor) -> float:
    """Return by how many deviations a gain of each picture is above 0; none where it is not so in most of them."""
    gain = gain[gain.abs() > 1e-6]
    if len(gain) < FEWEST_MASKS or (gain > 0).double().mean() < MOSTLY or not gain.std() > 0:
        return 0.0
    return gain.mean().item() / (gain.std().item() / math.sqrt(len(gain)))


def outlines(masks: Tensor, void: Tensor) -> Tensor:
    """Return where masks change from one pixel to the next, but for where one of them is void."""
    borders = steps(masks[:, None], lambda later, earlier: (later != earlier).float()[:, 0])
    unknown = steps(void[:, None], lambda later, earlier: (later | earlier).float()[:, 0]) > 0
    return borders.masked_fill(unknown, 0.0)


def steps(planes: Tensor, between: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return what lies between each pixel and the next, down and to the right, together."""
    down = between(planes[..., 1:, :-1], planes[..., :-1, :-1])
    return down + between(planes[..., :-1, 1:], planes[..., :-1, :-1])


def meeting(changes: Tensor, borders: Tensor) -> Tensor:
    """Return the mean change of each picture on some borders."""
    return (changes * borders).sum((1, 2)) / borders.sum((1, 2)).clamp_min(1)


def unlabelled(targets: Tensor, classes: int) -> Tensor:
    """Return which of the targets stand for no class, by the values that are in use for it.

    Where all else is 0 the largest number of a byte is a class, as files have it, and not void.

    >>> unlabelled(torch.tensor([0, 255]), 2), unlabelled(torch.tensor([0, 1, 255]), 2)
    (tensor([False, False]), tensor([False, False,  True]))
    """
    void = torch.zeros_like(targets, dtype=torch.bool)
    for value in () if targets.is_floating_point() else IGNORED:
        if not 0 <= value < classes:
            void |= targets == value
    if void.any() and not targets[~void].any() and bool((targets[void] == FOREGROUND).all()):
        return torch.zeros_like(void)
    return void
