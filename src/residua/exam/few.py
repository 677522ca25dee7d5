"""How many samples a look at a network is worth: fewer where each of them costs more."""

import math

import torch
from torch import Tensor, nn

from residua.exam.packing import main_part
from residua.look import Examples

SAMPLES = 64
LEAST = 8
"""Numbers that hardly stand in order by chance."""
DEEP = 50
"""Weighted layers from which half as many samples do: what is read from them is a mean over the layers too."""


def mixed(batch: Examples) -> Examples:
    """Return a batch whose first samples show what all of it holds, in another order if they do not.

    A batch may stand in the order of its classes or its numbers, and a look takes its first samples.

    >>> import torch
    >>> labels = torch.arange(4).repeat_interleave(64)
    >>> len(torch.unique(mixed((labels.float(), labels))[1][:SAMPLES]))
    4
    """
    inputs, targets = batch
    if targets.ndim == 0 or targets.numel() != len(targets) or len(inputs) != len(targets):
        return batch
    if targets.is_complex() or not ordered(targets.reshape(-1)):
        return batch
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(0)).to(targets.device)
    return inputs[order.to(inputs.device)], targets[order]


def ordered(targets: Tensor) -> bool:
    """Return whether targets stand in order: equal ones side by side, or each at least as large as the one before.

    >>> import torch
    >>> ordered(torch.tensor([1, 1, 0, 0, 2, 2])), ordered(torch.tensor([1, 0, 1, 0])), ordered(torch.tensor([1, 1]))
    (True, False, False)
    """
    later, earlier = targets[1:], targets[:-1]
    runs, kinds = 1 + int((later != earlier).sum()), len(torch.unique(targets))
    rising = bool((later >= earlier).all()) or bool((later <= earlier).all())
    return kinds > 1 and (runs == kinds < len(targets) or (rising and len(targets) >= LEAST))


def few(model: nn.Module, batch: Examples) -> Examples:
    """Return the first samples of a batch, as many as the passes over the network are worth.

    >>> import torch
    >>> batch = torch.zeros(100, 3, 224, 224), torch.zeros(100)
    >>> [len(part) for part in few(nn.Conv2d(3, 8, 3), batch)]
    [8, 8]
    """
    inputs, targets = batch
    main = main_part(model, inputs[:1])
    pixels = math.prod(main.shape[2:]) if main.ndim == 4 else 1
    count = SAMPLES if pixels <= 64**2 else SAMPLES // 2 if pixels <= 128**2 else SAMPLES // 8
    kernels = sum(parameter.ndim > 1 for parameter in model.parameters())
    if kernels > DEEP and pixels <= 128**2:
        count //= 2
    return inputs[:count], targets[:count]
