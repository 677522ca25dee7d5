"""How many samples a look at a network is worth: fewer where each of them costs more."""

import math

import torch
from torch import nn

from residua.look import Examples

SAMPLES = 64
DEEP = 50
"""Weighted layers from which half as many samples do: what is read from them is a mean over the layers too."""


def mixed(batch: Examples) -> Examples:
    """Return a batch whose first samples show what all of it holds, in another order if they do not.

    A batch may stand in the order of its classes, and a look takes its first samples.

    >>> import torch
    >>> labels = torch.arange(4).repeat_interleave(64)
    >>> len(torch.unique(mixed((labels.float(), labels))[1][:SAMPLES]))
    4
    """
    inputs, targets = batch
    if targets.ndim == 0 or targets.numel() != len(targets) or len(inputs) != len(targets):
        return batch
    first, every = torch.unique(targets[: SAMPLES // 2]), torch.unique(targets)
    if 2 * len(first) > len(every) or len(every) > SAMPLES // 2:
        return batch
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(0)).to(targets.device)
    return inputs[order.to(inputs.device)], targets[order]


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
