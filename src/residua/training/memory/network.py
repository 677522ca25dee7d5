"""A network that trains in less memory."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn

from residua.look import rewired
from residua.training.kernels import edits, together
from residua.training.memory.costs import measured
from residua.training.memory.cuts import best_cuts
from residua.training.memory.rows import Thrifty
from residua.training.recipe import Memory

Wrappers = Mapping[str, Callable[[nn.Module], nn.Module]]

WORTH: Final = 1.25
"""How many times what cuts should keep the kernels may keep and are still taken: they cost no time, cuts do."""


def thrifty(network: nn.Module, memory: Memory, *, kernels: bool = False) -> Callable[[Tensor], Tensor]:
    """Return what gives the same logits and the same gradients as the network, and keeps less in between.

    What to do is chosen at the first call, from what the network keeps for two of those images. Where nothing is kept,
    in evaluation or without gradients, it is the network itself.

    Args:
        network: made of the parts of this library; its rows of parts are cut, its weights keep their names.
        memory: "plain" for ordinary autograd, "lean" or "least".
        kernels: whether "plain" and "lean" may take norm and ReLU together; gradients are then the same to rounding.

    >>> from residua import build
    >>> network = build("resnet8_cifar")
    >>> thrifty(network, "lean")(torch.zeros(2, 3, 32, 32)).sum().backward()
    >>> network.stem.conv.weight.grad is not None
    True
    """
    if memory == "plain":
        return together(network) if kernels else network
    wrappers: Wrappers | None = None

    def run(images: Tensor) -> Tensor:
        nonlocal wrappers
        if not (network.training and torch.is_grad_enabled()):
            return network(images)  # type: ignore[no-any-return]  # torch types a call as Any
        if wrappers is None:
            wrappers = cheapest(network, images[:2], memory, kernels=kernels)
        with rewired(network, wrappers):
            return network(images)  # type: ignore[no-any-return]

    return run


def cheapest(network: nn.Module, images: Tensor, memory: Memory, *, kernels: bool) -> Wrappers:
    """Return the wrappers with which the network keeps the least, or nearly so in less time."""
    bill = best_cuts(measured(network, images), memory)
    if memory == "lean" and kernels:
        fused = edits(network, lean=True)
        with rewired(network, fused):
            kept = measured(network, images).plain
        if kept <= WORTH * bill.peak:
            return fused
    return {
        name: partial(Thrifty, segments=segments, keep=memory == "lean")
        for name, segments in bill.cuts.items()
    }


def measured_peak(network: nn.Module, images: Tensor, memory: Memory) -> int:
    """Return the bytes that a training keeps for the gradient of these images, at most.

    Args:
        network: in training mode; it is left as it was.
        images: one batch.
        memory: how much of it is kept.

    >>> from residua.parts import Chain
    >>> network = nn.Sequential(Chain(*[nn.ReLU() for _ in range(16)]))
    >>> images = torch.ones(2, 1, 8, 8, requires_grad=True)
    >>> [measured_peak(network, images, memory) // images.nbytes for memory in ("plain", "least")]
    [16, 8]
    """
    piece = measured(network, images)
    return piece.plain if memory == "plain" else best_cuts(piece, memory).peak
