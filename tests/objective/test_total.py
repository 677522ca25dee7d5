"""A loss over the parts of a batch is that of the whole batch, and so is the sum of its gradients."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from residua.objective import (
    boundary_loss,
    cross_entropy,
    dice_loss,
    focal_loss,
    pixel_cross_entropy,
)

CLASSES = 4
PARTS = (slice(0, 1), slice(1, 5), slice(5, 5), slice(5, 7))
"""Uneven ones, of which one is empty."""


def over_parts(loss: Callable[..., Tensor], logits: Tensor, targets: Tensor) -> list[Tensor]:
    """Return the loss as each part computes it; each finds the sums of the others where several processes would."""
    sums: list[list[Tensor]] = []
    for part in PARTS:
        own: list[Tensor] = []
        loss(logits[part], targets[part], total=lambda tensor, own=own: own.append(tensor.detach()) or tensor)
        sums.append(own)
    found = []
    for number, part in enumerate(PARTS):
        others = iter(
            [sum(other[call] for other in sums) - sums[number][call] for call in range(len(sums[number]))]
        )
        found.append(
            loss(logits[part], targets[part], total=lambda tensor, others=others: tensor + next(others))
        )
    return found


def assert_same(loss: Callable[..., Tensor], logits: Tensor, targets: Tensor) -> None:
    whole = logits.clone().requires_grad_()
    expected = loss(whole, targets)
    expected.backward()
    parted = logits.clone().requires_grad_()
    found = over_parts(loss, parted, targets)
    for one in found:
        torch.testing.assert_close(one, expected)
        one.backward()  # each into its own part
    torch.testing.assert_close(parted.grad, whole.grad, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 1.0, 2.0, 4.0])])
@pytest.mark.parametrize("mixed", [False, True])
def test_classes(smoothing: float, weights: Tensor | None, mixed: bool) -> None:
    torch.manual_seed(0)
    targets = torch.randn(7, CLASSES).softmax(1) if mixed else torch.tensor([0, 1, 1, 3, 2, 3, 3])
    assert_same(partial(cross_entropy, smoothing=smoothing, weights=weights), torch.randn(7, 4), targets)


@pytest.mark.parametrize(
    "loss",
    [
        pixel_cross_entropy,
        partial(pixel_cross_entropy, weights=torch.tensor([0.5, 1.0, 2.0, 4.0]), smoothing=0.1),
        dice_loss,
        focal_loss,
        boundary_loss,
    ],
)
def test_pixels(loss: Callable[..., Tensor]) -> None:
    torch.manual_seed(0)
    masks = torch.randint(CLASSES, (7, 6, 5))
    masks[2] = 255  # a picture of nothing but void
    masks[4, :3] = 255
    assert_same(loss, torch.randn(7, CLASSES, 6, 5), masks)
