"""Losses of pixels against a loop over pixels, and what void does: nothing."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from residua.objective import (
    boundary_loss,
    dice_loss,
    focal_loss,
    frequency_weights,
    pixel_cross_entropy,
)
from residua.objective.borders import border_weights
from residua.types import VOID
from tests.oracle import pixel_losses as oracle

CLASSES = 4
WEIGHTS = torch.tensor([1.0, 0.2, 3.0, 0.7])
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": pixel_cross_entropy,
    "weighted": partial(pixel_cross_entropy, weights=WEIGHTS),
    "smoothed": partial(pixel_cross_entropy, weights=WEIGHTS, smoothing=0.1),
    "focal": focal_loss,
    "weighted focal": partial(focal_loss, weights=WEIGHTS),
    "dice": dice_loss,
    "boundary": boundary_loss,
    "weighted boundary": partial(boundary_loss, weights=WEIGHTS, background=None),
}


def drawn(seed: int, *, void: bool = True) -> tuple[Tensor, Tensor]:
    """Return logits and masks with some void, and a class that is nowhere."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, CLASSES, 6, 7, generator=generator)
    masks = torch.randint(0, CLASSES - 1, (2, 6, 7), generator=generator)
    if void:
        masks[torch.rand(masks.shape, generator=generator) < 0.3] = VOID
    return logits, masks


@pytest.mark.parametrize("seed", range(3))
def test_losses_agree_with_a_loop_over_pixels(seed: int) -> None:
    logits, masks = drawn(seed)
    planes, values, weights = logits.double().tolist(), masks.tolist(), WEIGHTS.tolist()
    even = [1.0] * CLASSES
    assert pixel_cross_entropy(logits, masks).item() == pytest.approx(
        oracle.cross_entropy(planes, values, even, VOID), rel=1e-5
    )
    assert pixel_cross_entropy(logits, masks, weights=WEIGHTS).item() == pytest.approx(
        oracle.cross_entropy(planes, values, weights, VOID), rel=1e-5
    )
    assert focal_loss(logits, masks, weights=WEIGHTS).item() == pytest.approx(
        oracle.focal(planes, values, weights, VOID), rel=1e-5
    )
    assert dice_loss(logits, masks).item() == pytest.approx(oracle.dice(planes, values, VOID), rel=1e-5)


@pytest.mark.parametrize("background", [0, None])
@pytest.mark.parametrize("seed", range(3))
def test_border_weights_agree_with_the_distance_to_every_region(seed: int, background: int | None) -> None:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 3, (1, 5, 6), generator=generator)
    masks = coarse.repeat_interleave(3, 1).repeat_interleave(4, 2)
    masks[0, :2, :5] = VOID
    expected = oracle.border_weights(masks[0].tolist(), background, VOID)
    found = border_weights(masks, background=background)
    torch.testing.assert_close(found[0], torch.tensor(expected), rtol=1e-4, atol=1e-4)


def test_a_region_alone_has_no_border_to_another() -> None:
    masks = torch.zeros(1, 9, 9, dtype=torch.long)
    assert not border_weights(masks).any()
    masks[0, 2:5, 2:5] = 1
    assert not border_weights(masks).any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_that_is_all_void_gives_0_and_no_gradient(name: str) -> None:
    logits = torch.randn(2, CLASSES, 6, 7, requires_grad=True)
    loss = LOSSES[name](logits, torch.full((2, 6, 7), VOID))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_said_of_void_pixels_changes_nothing(name: str) -> None:
    logits, masks = drawn(0)
    other = torch.where((masks == VOID)[:, None], torch.randn_like(logits), logits).requires_grad_()
    loss = LOSSES[name](other, masks)
    assert loss.item() == pytest.approx(LOSSES[name](logits, masks).item(), rel=1e-6)
    loss.backward()
    assert other.grad is not None
    assert not other.grad[(masks == VOID)[:, None].expand_as(other)].any()
    assert other.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_falls_as_the_right_class_grows(name: str) -> None:
    logits, masks = drawn(1)
    right = F.one_hot(torch.where(masks == VOID, 0, masks), CLASSES).movedim(-1, 1)
    losses = [LOSSES[name](logits + step * right, masks).item() for step in (0.0, 1.0, 3.0)]
    assert losses == sorted(losses, reverse=True)
    if name != "smoothed":  # a smoothed target is never reached
        assert LOSSES[name](100.0 * right, masks).item() < 1e-3


def test_without_void_and_weights_it_is_pytorchs_own() -> None:
    logits, masks = drawn(2, void=False)
    expected = F.cross_entropy(logits, masks, label_smoothing=0.1)
    torch.testing.assert_close(pixel_cross_entropy(logits, masks, smoothing=0.1), expected)


def test_median_frequency_weights() -> None:
    assert frequency_weights([0, 0]).tolist() == [1.0, 1.0]
    assert frequency_weights([200, 100, 50]).tolist() == [0.5, 1.0, 2.0]
