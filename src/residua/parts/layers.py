"""Convolution, normalisation and activation as the papers of this library use them."""

from typing import Final, Literal, assert_never, final

import torch.nn.functional as F
from torch import Tensor, nn

NARROW: Final = 16
"""Channels below which oneDNN cannot be trusted with the gradient of a strided 1 × 1 convolution's weights."""

Norm = Literal["batch", "group", "none"]


def convolution(
    carried: int, learned: int, *, kernel: int = 3, stride: int = 1, groups: int = 1, bias: bool = False
) -> nn.Conv2d:
    """Return a convolution that keeps the size at stride 1 (padding of half the kernel).

    >>> convolution(3, 16).weight.shape
    torch.Size([16, 3, 3, 3])
    """
    padding = kernel // 2
    if kernel == 1 and stride != 1 and carried < NARROW:
        return Thinned(carried, learned, 1, stride=stride, groups=groups, bias=bias)
    return nn.Conv2d(carried, learned, kernel, stride=stride, padding=padding, groups=groups, bias=bias)


@final
class Thinned(nn.Conv2d):
    """A 1 × 1 convolution with a stride that takes every such pixel first: the same numbers.

    Where the channels of a pixel lie together and are fewer than a register holds, oneDNN 3 writes past its memory
    in the gradient of such weights (uxlfoundation/oneDNN#6035): the process ends, or the gradient is wrong.

    >>> import torch
    >>> Thinned(4, 8, 1, stride=2)(torch.zeros(1, 4, 8, 8)).shape
    torch.Size([1, 8, 4, 4])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the output, of every pixel that the stride leaves."""
        # A pooling of single pixels, since the sizes of slices are not followed by exporters where any size may come.
        thinned = F.max_pool2d(x, 1, stride=self.stride)
        return F.conv2d(thinned, self.weight, self.bias, groups=self.groups)


def normalisation(norm: Norm, channels: int) -> nn.Module:
    """Return the normalisation of that name over `channels`; "none" is the identity.

    "batch" is Ioffe & Szegedy 2015 (arXiv:1502.03167); "group" is Wu & He 2018 (arXiv:1803.08494) with 32
    groups, or the largest power of two below it that leaves at least two channels in each: one alone would
    make it instance norm, which says nothing about a single pixel.

    >>> normalisation("group", 48).num_groups
    16
    """
    match norm:
        case "batch":
            return nn.BatchNorm2d(channels)
        case "group":
            fitting = [groups for groups in (2, 4, 8, 16, 32) if channels % groups == 0 and channels > groups]
            return nn.GroupNorm(max(fitting, default=1), channels)
        case "none":
            return nn.Identity()
        case _:
            assert_never(norm)


def activation() -> nn.ReLU:
    """Return a ReLU that leaves its input alone: in place it would rewrite what a shortcut carries."""
    return nn.ReLU()
