"""The branch of a residual block: convolutions, and where norm and ReLU stand among them.

The five orders are those of He et al. 2016, "Identity mappings in deep residual networks"
(arXiv:1603.05027), figure 4, written here for a branch of two convolutions:

    original          conv norm relu conv norm  | sum, relu
    norm_after_sum    conv norm relu conv       | sum, norm, relu
    relu_before_sum   conv norm relu conv norm relu | sum
    relu_preact       relu conv norm relu conv norm | sum
    full_preact       norm relu conv norm relu conv | sum
"""

from collections.abc import Sequence
from typing import Literal, assert_never

from torch import nn

from residua.parts.chain import Chain
from residua.parts.layers import Norm, activation, normalisation

Order = Literal["original", "norm_after_sum", "relu_before_sum", "relu_preact", "full_preact"]


def wired(convolutions: Sequence[nn.Conv2d], *, order: Order, norm: Norm) -> dict[str, nn.Module]:
    """Set norm and ReLU among the convolutions of a branch, and name every part by its number.

    Returns:
        names and parts in order, for a `Chain`; a norm of "none" is left out.

    >>> from residua.parts import convolution
    >>> list(wired([convolution(8, 8), convolution(8, 8)], order="full_preact", norm="batch"))
    ['norm1', 'relu1', 'conv1', 'norm2', 'relu2', 'conv2']
    """
    named: dict[str, nn.Module] = {}
    for number, convolve in enumerate(convolutions, start=1):
        conv, norm_, relu = f"conv{number}", f"norm{number}", f"relu{number}"
        last = number == len(convolutions)
        match order:
            case "original":
                names = [conv, norm_] if last else [conv, norm_, relu]
            case "norm_after_sum":
                names = [conv] if last else [conv, norm_, relu]
            case "relu_before_sum":
                names = [conv, norm_, relu]
            case "relu_preact":
                names = [relu, conv, norm_]
            case "full_preact":
                names = [norm_, relu, conv]
            case _:
                assert_never(order)
        channels = convolve.in_channels if order == "full_preact" else convolve.out_channels
        parts = {conv: convolve, norm_: normalisation(norm, channels), relu: activation()}
        named |= {name: parts[name] for name in names if not (name == norm_ and norm == "none")}
    return named


def closing(part: nn.Module, *, name: str, channels: int, order: Order, norm: Norm) -> nn.Module:
    """Put after the merge what this order puts there, or nothing.

    Args:
        part: the join (or, in a plain net, the branch) that it follows.
        name: what the part is called in the parameters' names.
        channels: how many the part gives.
        order: one of the five orders.
        norm: the normalisation of the network.
    """
    match order:
        case "original":
            return Chain(**{name: part}, relu=activation())
        case "norm_after_sum" if norm != "none":
            return Chain(**{name: part}, norm=normalisation(norm, channels), relu=activation())
        case "norm_after_sum":
            return Chain(**{name: part}, relu=activation())
        case "relu_before_sum" | "relu_preact" | "full_preact":
            return part
        case _:
            assert_never(order)
