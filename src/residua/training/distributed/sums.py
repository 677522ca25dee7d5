"""Sums over all processes that a gradient flows back through; they differ in what a process makes of the sum."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def own_gradient(tensor: Tensor) -> Tensor:
    """Return the sum over all processes, for what every process then computes alike, such as the loss.

    The gradient of the sum is the same everywhere, and each process takes it for its own part.
    """
    total: Tensor = _OwnGradient.apply(tensor)  # type: ignore[no-untyped-call]  # stubs lack it
    return total


def gathered_gradient(tensor: Tensor) -> Tensor:
    """Return the sum over all processes, for what each process uses in its own way, such as a mean to subtract.

    The gradient is the sum of what comes back in each of them.
    """
    total: Tensor = _GatheredGradient.apply(tensor)  # type: ignore[no-untyped-call]  # stubs lack it
    return total


class _OwnGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return summed(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class _GatheredGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return summed(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return summed(gradient)


def summed(tensor: Tensor) -> Tensor:
    """Return the sum over all processes; the tensor itself stays as it is."""
    total = tensor.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total
