"""The losses of a segmenter. Void pixels take no part in any: a batch of nothing else gives 0, and no gradient."""

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from residua.objective.total import Total, own
from residua.types import VOID, Masks, PixelLogits

FOCUS: Final = 2.0
"""The exponent of the focal loss that the paper found best."""


def pixel_cross_entropy(
    logits: PixelLogits,
    masks: Masks,
    *,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
    void: int = VOID,
    total: Total = own,
) -> Tensor:
    """Return the mean cross-entropy over all pixels that have a class.

    Args:
        logits: before any softmax.
        masks: the class of each pixel.
        weights: of the classes; the mean is then a weighted one.
        smoothing: part of the target spread evenly over all classes.
        void: the value that stands for no class.
        total: adds up the parts of a batch.

    >>> masks = torch.tensor([[[0, 1], [255, 255]]])
    >>> round(pixel_cross_entropy(torch.zeros(1, 2, 2, 2), masks).item(), 4)
    0.6931
    """
    summed = F.cross_entropy(
        in_planes(logits),
        masks.long(),
        weight=weights,
        ignore_index=void,
        label_smoothing=smoothing,
        reduction="sum",
    )
    return total(summed) / at_least_one_pixel(total(pixel_weights(masks, weights, void=void).sum()))


def focal_loss(
    logits: PixelLogits, masks: Masks, *, weights: Tensor | None = None, void: int = VOID, total: Total = own
) -> Tensor:
    """Return the mean focal loss: cross-entropy, each pixel weighed by (1 - p)² of its own class.

    Lin et al. 2017, "Focal loss for dense object detection" (arXiv:1708.02002).

    Args:
        logits: before any softmax.
        masks: the class of each pixel.
        weights: of the classes; the mean is then a weighted one.
        void: the value that stands for no class.
        total: adds up the parts of a batch.

    >>> masks = torch.tensor([[[0, 1], [255, 255]]])
    >>> round(focal_loss(torch.zeros(1, 2, 2, 2), masks).item(), 4)  # a quarter of the cross-entropy
    0.1733
    """
    each = F.cross_entropy(in_planes(logits), masks.long(), ignore_index=void, reduction="none")
    weighed = pixel_weights(masks, weights, void=void)
    unsure = -torch.expm1(-each)  # 1 - p, without losing the digits of a p near 1
    return total((weighed * unsure**FOCUS * each).sum()) / at_least_one_pixel(total(weighed.sum()))


def dice_loss(logits: PixelLogits, masks: Masks, *, void: int = VOID, total: Total = own) -> Tensor:
    """Return 1 less the mean soft Dice of the classes that the batch holds.

    A class is summed over the whole batch: one picture often lacks it, and then says nothing of it. Drozdzal et
    al. 2016 (arXiv:1608.04117).

    Args:
        logits: before any softmax.
        masks: the class of each pixel.
        void: the value that stands for no class.
        total: adds up the parts of a batch.

    >>> masks = torch.tensor([[[0, 1], [255, 255]]])
    >>> dice_loss(torch.zeros(1, 2, 2, 2), masks).item()
    0.5
    """
    kept, none = masks != void, logits.new_zeros(logits.shape[1], dtype=torch.float32)
    truth = torch.where(kept, masks, 0).long()
    shares = in_planes(logits).softmax(1) * kept[:, None]
    # What is gathered at the true classes does without a plane of zeros and ones for each class.
    shared = total(none.index_add(0, truth.flatten(), shares.gather(1, truth[:, None]).flatten()))
    given = total(shares.sum((0, 2, 3)))
    wanted = total(none.index_add(0, truth.flatten(), kept.float().flatten()))
    held = wanted > 0
    lacking = 1 - 2 * shared / (given + wanted).clamp(min=1e-6)
    return (lacking * held).sum() / held.sum().clamp(min=1)


def boundary_loss(
    logits: PixelLogits,
    masks: Masks,
    *,
    weights: Tensor | None = None,
    background: int | None = 0,
    void: int = VOID,
    total: Total = own,
) -> Tensor:
    """Return the mean cross-entropy with the weights of the U-Net paper: up to 11 where two regions nearly touch.

    Args:
        logits: before any softmax.
        masks: the class of each pixel.
        weights: of the classes; those of the borders are added to them, as in the paper.
        background: the class between the regions; None where every class has regions.
        void: the value that stands for no class.
        total: adds up the parts of a batch.

    >>> masks = torch.tensor([[[0, 1], [255, 255]]])
    >>> round(boundary_loss(torch.zeros(1, 2, 2, 2), masks).item(), 4)
    0.6931
    """
    from residua.objective.borders import (
        border_weights,  # scipy, a quarter of a second that no other loss needs
    )

    each = F.cross_entropy(in_planes(logits), masks.long(), ignore_index=void, reduction="none")
    borders = border_weights(masks, background=background, void=void) * (masks != void)
    weighed = pixel_weights(masks, weights, void=void) + borders
    return total((weighed * each).sum()) / at_least_one_pixel(total(weighed.sum()))


def in_planes(logits: PixelLogits) -> PixelLogits:
    """Return logits in float32, one plane a class.

    Whatever the network ran in: bfloat16 has too few digits for a logarithm of a sum. And a softmax over planes takes
    half the time of one over the channels of each pixel.
    """
    return logits.to(torch.float32, memory_format=torch.contiguous_format)


def pixel_weights(masks: Masks, weights: Tensor | None, *, void: int = VOID) -> Tensor:
    """Return the weight of each pixel's class; 0 for void."""
    kept = masks != void
    if weights is None:
        return kept.float()
    return weights[torch.where(kept, masks, 0).long()] * kept


def at_least_one_pixel(total: Tensor) -> Tensor:
    """Return the sum of all weights, or 1 where there is none to divide by."""
    return torch.where(total > 0, total, torch.ones_like(total))


def frequency_weights(pixels: Sequence[int]) -> Tensor:
    """Return a weight for each class from its pixels: their median over its own, from 0.1 to 10.

    Median frequency balancing of Eigen & Fergus 2014 (arXiv:1411.4734), with all pixels of the set as the reference; a
    class without a pixel counts as the rarest.

    >>> frequency_weights([1000, 100, 10, 0])
    tensor([ 0.1000,  1.0000, 10.0000, 10.0000])
    """
    found = torch.tensor(pixels, dtype=torch.float64)
    median = found[found > 0].quantile(0.5) if (found > 0).any() else torch.tensor(1.0, dtype=torch.float64)
    return (median / found.clamp(min=1)).clamp(0.1, 10).float()
