"""How many samples a look at a network is worth: fewer where each of them costs more."""

import math

from torch import nn

from residua.look import Examples

SAMPLES = 64
DEEP = 50
"""Weighted layers from which half as many samples do: what is read from them is a mean over the layers too."""


def few(model: nn.Module, batch: Examples) -> Examples:
    """Return the first samples of a batch, as many as the passes over the network are worth.

    >>> import torch
    >>> batch = torch.zeros(100, 3, 224, 224), torch.zeros(100)
    >>> [len(part) for part in few(nn.Conv2d(3, 8, 3), batch)]
    [8, 8]
    """
    inputs, targets = batch
    pixels = math.prod(inputs.shape[2:]) if inputs.ndim == 4 else 1
    count = SAMPLES if pixels <= 64**2 else SAMPLES // 2 if pixels <= 128**2 else SAMPLES // 8
    kernels = sum(parameter.ndim > 1 for parameter in model.parameters())
    if kernels > DEEP and pixels <= 128**2:
        count //= 2
    return inputs[:count], targets[:count]
