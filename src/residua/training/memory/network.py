"""A network that trains in less memory."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from residua.look import rewired
from residua.training.memory.costs import measured
from residua.training.memory.cuts import best_cuts
from residua.training.memory.rows import Thrifty
from residua.training.recipe import Memory


def thrifty(network: nn.Module, memory: Memory) -> Callable[[Tensor], Tensor]:
    """Return what gives the same logits and the same gradients as the network, and keeps less in between.

    The cuts are chosen at the first call, from what the network keeps for two of those images. Where nothing is kept,
    in evaluation or without gradients, it is the network itself.

    Args:
        network: made of the parts of this library; its rows of parts are cut, its weights keep their names.
        memory: "plain" for ordinary autograd, "lean" or "least".

    >>> from residua import build
    >>> network = build("resnet8_cifar")
    >>> thrifty(network, "lean")(torch.zeros(2, 3, 32, 32)).sum().backward()
    >>> network.stem.conv.weight.grad is not None
    True
    """
    if memory == "plain":
        return network
    wrappers: dict[str, partial[Thrifty]] | None = None

    def run(images: Tensor) -> Tensor:
        nonlocal wrappers
        if not (network.training and torch.is_grad_enabled()):
            return network(images)  # type: ignore[no-any-return]  # torch types a call as Any
        if wrappers is None:
            cuts = best_cuts(measured(network, images[:2]), memory).cuts
            wrappers = {name: partial(Thrifty, segments=cuts[name], keep=memory == "lean") for name in cuts}
        with rewired(network, wrappers):
            return network(images)  # type: ignore[no-any-return]

    return run


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
