"""A row of parts in which norm, addition and ReLU are taken together."""

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from residua.parts import Chain, Part, Sum
from residua.training.kernels.convolution import convolution
from residua.training.kernels.max_pool import max_pool
from residua.training.kernels.norm_relu import norm_relu, norm_relu_conv


@final
class Together(Part):
    """Give the same as a chain: each batch norm in one call with what follows it.

    Four patterns are known: a norm; a norm and a ReLU; a sum whose branch ends in a norm, and a ReLU; and, if what
    enters convolutions is not kept, a norm, a ReLU and a convolution.

    Args:
        chain: whose parts run.
        lean: compute what enters a convolution again for its gradient.

    >>> import torch
    >>> Together(Chain(norm=nn.BatchNorm2d(16), relu=nn.ReLU()))(torch.zeros(2, 16, 3, 3)).shape
    torch.Size([2, 16, 3, 3])
    """

    def __init__(self, chain: nn.Module, *, lean: bool = False) -> None:
        super().__init__()
        self.chain = chain
        self.lean = lean

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(self.chain, Chain)
        return through(list(self.chain), x, lean=self.lean)


def through(parts: Sequence[nn.Module], x: Tensor, *, lean: bool) -> Tensor:
    """Return what the parts give, one after another."""
    place = 0
    while place < len(parts):
        x, taken = first(parts[place:], x, lean=lean)
        place += taken
    return x


def first(parts: Sequence[nn.Module], x: Tensor, *, lean: bool) -> tuple[Tensor, int]:
    """Return what the first parts give that go together, and how many they are."""
    part, *rest = parts
    relu = bool(rest) and isinstance(rest[0], nn.ReLU) and is_bare(rest[0])
    if not is_bare(part):
        return part(x), 1
    if type(part) is nn.Conv2d:
        return convolution(x, part), 1
    if type(part) is nn.MaxPool2d:
        return max_pool(x, part), 1
    if type(part) is nn.BatchNorm2d:
        if lean and relu and len(rest) > 1 and type(rest[1]) is nn.Conv2d and is_bare(rest[1]):
            return norm_relu_conv(x, part, rest[1]), 3
        return norm_relu(x, part, relu=relu), 2 if relu else 1
    if relu and isinstance(part, Sum) and (last := closing_norm(part.branch)) is not None:
        learned = through(inside(part.branch)[:-1], x, lean=lean)
        return norm_relu(learned, last, carried=part.shortcut(x)), 2
    return part(x), 1


def is_bare(part: nn.Module) -> bool:
    """Return whether nothing runs around a part: what a user hung on it, as pruning does, would not be called here.

    >>> layer = nn.Conv2d(3, 16, 3)
    >>> handle = layer.register_forward_hook(print)
    >>> is_bare(layer)
    False
    """
    return not (
        part._forward_hooks or part._forward_pre_hooks or part._backward_hooks or part._backward_pre_hooks
    )


def inside(part: nn.Module) -> list[nn.Module]:
    """Return the parts of a chain, which may be run together itself."""
    chain = part.chain if isinstance(part, Together) else part
    return list(chain) if isinstance(chain, Chain) else []


def closing_norm(branch: nn.Module) -> nn.BatchNorm2d | None:
    """Return the batch norm that a branch ends in.

    >>> closing_norm(Chain(nn.Conv2d(3, 16, 1), nn.BatchNorm2d(16))).num_features
    16
    """
    last = next(reversed(inside(branch)), None)
    return last if type(last) is nn.BatchNorm2d and is_bare(last) else None


def has_norm(part: nn.Module) -> bool:
    """Return whether a part is a chain with something to take together.

    >>> has_norm(Chain(nn.ReLU())), has_norm(Chain(nn.BatchNorm2d(3)))
    (False, True)
    """
    return isinstance(part, Chain) and any(
        type(inner) is nn.BatchNorm2d or (isinstance(inner, Sum) and closing_norm(inner.branch) is not None)
        for inner in part
    )
