"""The largest of two by two pixels, without a number of eight bytes kept for each of them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from residua.training.kernels.calls import LANES, NAMES, pooled, pooled_gradient
from residua.training.kernels.compiled import pools


def max_pool(x: Tensor, pool: nn.MaxPool2d) -> Tensor:
    """Return `pool(x)`, by the kernels where it takes squares of four pixels that cover all, and by PyTorch elsewhere.

    Args:
        x: batch of feature maps.
        pool: any.

    >>> max_pool(torch.arange(16.0).view(1, 1, 4, 4), nn.MaxPool2d(2)).flatten()
    tensor([ 5.,  7., 13., 15.])
    """
    answer: Tensor = MaxPool.apply(x) if fits(x, pool) else pool(x)  # type: ignore[no-untyped-call]
    return answer


def fits(x: Tensor, pool: nn.MaxPool2d) -> bool:
    """Return whether the kernels can take it.

    >>> fits(torch.zeros(1, 16, 5, 4), nn.MaxPool2d(2))  # of five rows one is left over
    False
    """
    squares = [setting in (2, (2, 2)) for setting in (pool.kernel_size, pool.stride)]
    plain = pool.padding in (0, (0, 0)) and pool.dilation in (1, (1, 1)) and not pool.return_indices
    return (
        all(squares)
        and plain
        and x.device.type == "cpu"
        and x.dtype in NAMES
        and x.ndim == 4
        and x.shape[1] % LANES == x.shape[2] % 2 == x.shape[3] % 2 == 0
        and x.numel() > 0
        and x.is_contiguous(memory_format=torch.channels_last)
        and pools() is not None
    )


class MaxPool(torch.autograd.Function):
    """The kernels and their gradient."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return pooled(x)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        (x,) = context.saved_tensors
        return pooled_gradient(gradient, x)
