"""Masks that belong to their pictures, and lie otherwise than they should."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from residua.exam import Depth, diagnose


@pytest.mark.parametrize(
    ("wrong", "way"),
    [
        (lambda masks: masks.flip(-1), "flipped left to right"),
        (lambda masks: masks.flip(-2), "flipped upside down"),
        (lambda masks: masks.flip(-2, -1), "turned by half a turn"),
        (lambda masks: masks.transpose(-2, -1), "with rows and columns exchanged"),
        (lambda masks: masks.roll((2, -3), (-2, -1)), "moved 2 pixels up and 3 to the right"),
    ],
    ids=["mirrored", "upside down", "turned", "transposed", "moved"],
)
@pytest.mark.parametrize("depth", ["still", "probe"])
def test_masks_that_lie_otherwise_are_out_of_step(
    wrong: Callable[[Tensor], Tensor], way: str, depth: Depth
) -> None:
    generator = torch.Generator().manual_seed(0)
    pictures, masks = 0.2 * torch.randn(64, 3, 24, 24, generator=generator), torch.zeros(64, 24, 24).long()
    for place in range(64):
        top, left = torch.randint(16, (2,), generator=generator).tolist()
        masks[place, top : top + 7, left : left + 7] = 1
        pictures[place, :, top : top + 7, left : left + 7] += 1
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 3, padding=1))
    assert diagnose(model, (pictures, masks), depth=depth).causes == ()
    found = diagnose(model, (pictures, wrong(masks)), depth=depth)
    assert found.causes[0].name == "masks out of step"
    assert way in found.causes[0].evidence
