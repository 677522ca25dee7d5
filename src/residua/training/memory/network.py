"""A network that trains in less memory."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import accumulate
from typing import Final

import torch
from torch import Tensor, nn

from residua.look import rewired
from residua.training.kernels import edits, together
from residua.training.memory.costs import KEPT, Piece, measured, work
from residua.training.memory.cuts import Bill, best_cuts
from residua.training.memory.rows import Thrifty
from residua.training.recipe import Memory

Wrappers = Mapping[str, Callable[[nn.Module], nn.Module]]

SHARE: Final = 0.55
"""Of what ordinary autograd keeps, what "lean" is to keep: it takes the first way that keeps no more."""
AGAIN: Final = 0.4
"""Of the work of a forward pass, what "lean" may do again for it: about an eighth of a step."""


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
    """Return the wrappers with which the network keeps the least, or for "lean" little enough in the least time."""
    if memory == "lean" and kernels:
        fused = edits(network, lean=True)
        with rewired(network, fused):
            kept = measured(network, images).plain
        if kept <= SHARE * measured(network, images).plain:
            return fused
    bill, dear = way_of(network, images, memory)
    return {name: partial(Thrifty, segments=segments, dear=dear) for name, segments in bill.cuts.items()}


def way_of(network: nn.Module, images: Tensor, memory: Memory) -> tuple[Bill, int | None]:
    """Return how a network is cut, and from how many multiply-adds a value what its layers give is kept.

    Where "lean" lets outputs of convolutions go, those first that take the least work for each value.
    """
    piece = measured(network, images)
    bill, enough = best_cuts(piece, memory), SHARE * piece.plain
    if memory == "least":
        return bill, None
    allowed = dears(piece)
    if bill.peak <= enough or not allowed:
        return bill, 0

    @cache
    def bill_from(dear: int) -> Bill:
        return best_cuts(measured(network, images, dear=dear), memory)

    place = bisect_left(allowed, True, key=lambda dear: bill_from(dear).peak <= enough)
    dear = allowed[min(place, len(allowed) - 1)]
    return bill_from(dear), dear


def dears(network: Piece) -> list[int]:
    """Return from how many multiply-adds a value outputs may be kept, when little enough work is below that.

    >>> from residua.parts import Chain
    >>> chain = Chain(nn.Conv2d(4, 64, 1), nn.Conv2d(64, 4, 3, padding=1))
    >>> dears(measured(chain, torch.zeros(1, 4, 8, 8)))  # 4 multiply-adds for each of 64 channels, 576 for each of 4
    [5]
    """
    works: Counter[int] = Counter()
    for piece in network.all():
        if isinstance(piece.part, KEPT):
            works[work(piece.part)] += piece.outputs * work(piece.part)
    each = sorted(works)
    sums = accumulate(works[one] for one in each)
    return [one + 1 for one, below in zip(each, sums, strict=True) if below <= AGAIN * works.total()]


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
    if memory == "plain":
        return measured(network, images).plain
    return way_of(network, images, memory)[0].peak
