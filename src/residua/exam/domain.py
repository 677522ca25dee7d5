"""Which values an answer may take: probabilities add up to 1, and so do those whose logarithms are given."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

Keep = Callable[[Tensor], Tensor]
"""It brings values back to where answers lie."""

EDGE: Final = 1e-3
"""Nearest that a probability comes to 0 and 1, where a loss may be infinite."""
NEAR: Final = 1e-3
"""How far from 1 a sum may be for rounding."""


def logs_along(values: Tensor) -> int | None:
    """Return the axis along which values are the logarithms of probabilities; None where they are not.

    >>> logs_along(torch.zeros(2, 3).log_softmax(1)), logs_along(torch.zeros(2, 3))
    (1, None)
    """
    if values.ndim < 2 or not values.is_floating_point() or bool((values > NEAR).any()):
        return None
    return summing(values.float().exp(), near=NEAR + 4 * torch.finfo(values.dtype).eps)


def shares_along(values: Tensor) -> int | None:
    """Return the axis along which values are probabilities; None where they are not.

    >>> shares_along(torch.full((2, 4), 0.25)), shares_along(torch.zeros(2, 3))
    (1, None)
    """
    if values.ndim < 2 or not values.is_floating_point() or bool((values < 0).any()):
        return None
    return summing(values.float(), near=NEAR + 4 * torch.finfo(values.dtype).eps)


def summing(values: Tensor, *, near: float) -> int | None:
    """Return the axis of classes, the second or the last, along which values add up to 1, as near as they can."""
    axes = dict.fromkeys((1, values.ndim - 1))
    found = (
        axis for axis in axes if values.shape[axis] > 1 and bool(((values.sum(axis) - 1).abs() < near).all())
    )
    return next(found, None)


def probable(values: Tensor) -> Keep | None:
    """Return what makes probabilities of moved ones, or of their logarithms; None for values that are neither.

    >>> keep = probable(torch.zeros(2, 4).log_softmax(1))
    >>> keep(torch.ones(2, 4)).exp().sum(1)
    tensor([1., 1.])
    """
    logs, shares = logs_along(values), shares_along(values)
    if logs is not None:
        return lambda moved: moved.log_softmax(logs)
    if shares is None:
        return None

    def shared(moved: Tensor) -> Tensor:
        inside = moved.clamp_min(EDGE)
        return inside / inside.sum(shares, keepdim=True)

    return shared
