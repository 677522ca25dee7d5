"""Residual networks and their plain twins.

He et al. 2015, "Deep residual learning for image recognition" (arXiv:1512.03385); He et al. 2016, "Identity
mappings in deep residual networks" (arXiv:1603.05027). Wider: Zagoruyko & Komodakis 2016 (arXiv:1605.07146);
grouped: Xie et al. 2016 (arXiv:1611.05431).
"""

from dataclasses import dataclass
from itertools import takewhile
from typing import Final, final

from torch import nn

from residua.nets.network import Network
from residua.nets.spec import ResNetSpec, Stem
from residua.parts import (
    Chain,
    Norm,
    Scale,
    StochasticDepth,
    Sum,
    activation,
    closing,
    convolution,
    normalisation,
    shortcut,
    wired,
)

PREACTIVATED: Final = ("relu_preact", "full_preact")


def resnet(spec: ResNetSpec) -> Network:
    """Build a residual network, or with `join="none"` the plain net that differs in nothing else."""
    return Network(spec, **trunk(spec), head=classifier(spec.outputs[-1], spec.classes))


def trunk(spec: ResNetSpec) -> dict[str, nn.Module]:
    """Return the stem and the stages, and what closes them, by name."""
    bare = spec.order in PREACTIVATED
    parts: dict[str, nn.Module] = {
        "stem": stem(spec.in_channels, spec.stem_width, kind=spec.stem, norm=spec.norm, bare=bare)
    }
    carried, index = spec.stem_width, 0
    for number, (depth, width) in enumerate(zip(spec.depths, spec.widths, strict=True), start=1):
        blocks = []
        for place in range(depth):
            index += 1
            drop = spec.stochastic_depth * index / sum(spec.depths)
            shape = Shape(carried, width, stride=2 if place == 0 and number > 1 else 1, drop=drop)
            blocks.append(block(shape, spec))
            carried = width * spec.expansion
        parts[f"stage{number}"] = Chain(*blocks)
    match spec.order:
        case "full_preact" if spec.norm != "none":
            parts["close"] = Chain(norm=normalisation(spec.norm, carried), relu=activation())
        case "full_preact" | "relu_preact":
            parts["close"] = Chain(relu=activation())
    return parts


def stem(carried: int, learned: int, *, kind: Stem, norm: Norm, bare: bool) -> Chain:
    """Return what comes before the stages: one convolution, or for large images a step to a quarter.

    Args:
        carried: channels of the images.
        learned: channels that it gives.
        kind: of images.
        norm: of the network.
        bare: leave norm and ReLU to the blocks, which begin with their own.
    """
    small = kind == "cifar"
    bias = norm == "none"
    parts: dict[str, nn.Module] = {
        "conv": convolution(carried, learned, kernel=3 if small else 7, stride=1 if small else 2, bias=bias)
    }
    if not bare:
        if norm != "none":
            parts["norm"] = normalisation(norm, learned)
        parts["relu"] = activation()
    if not small:
        parts["pool"] = nn.MaxPool2d(3, stride=2, padding=1)
    return Chain(**parts)


def classifier(carried: int, classes: int) -> Chain:
    """Return the average over all pixels and one linear layer."""
    return Chain(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), linear=nn.Linear(carried, classes))


@final
@dataclass(frozen=True, slots=True)
class Shape:
    """What one block takes and does: channels in and inside, stride, and its rate of stochastic depth."""

    carried: int
    width: int
    stride: int
    drop: float


def block(shape: Shape, spec: ResNetSpec) -> nn.Module:
    """Return one block: a branch, its shortcut, and what this order puts after the merge."""
    order, learned = spec.order, shape.width * spec.expansion
    branch = learning(shape, spec)
    if spec.join == "none":
        return closing(Chain(**branch), name="branch", channels=learned, order=order, norm=spec.norm)
    norm: Norm = "none" if order in PREACTIVATED else spec.norm
    carry = shortcut(spec.shortcut, shape.carried, learned, stride=shape.stride, norm=norm)
    if order in PREACTIVATED and isinstance(carry, Chain):
        # What precedes the first convolution serves a projection too, as in the authors' code; only a
        # shortcut without weights carries what the last sum left.
        shared = {name: branch.pop(name) for name in list(takewhile(lambda name: name != "conv1", branch))}
        return Chain(**shared, sum=Sum(Chain(**branch), carry))
    return closing(Sum(Chain(**branch), carry), name="sum", channels=learned, order=order, norm=spec.norm)


def learning(shape: Shape, spec: ResNetSpec) -> dict[str, nn.Module]:
    """Return the parts of a branch by name: its convolutions in this order, and what closes it."""
    convolutions = bottleneck(shape, spec) if spec.block == "bottleneck" else basic(shape, spec)
    branch = wired(convolutions, order=spec.order, norm=spec.norm)
    if spec.zero_init:
        nn.init.zeros_(branch[f"norm{len(convolutions)}"].get_parameter("weight"))
    if spec.skip_init:
        branch["scale"] = Scale(0.0)
    if shape.drop:
        branch["drop"] = StochasticDepth(shape.drop)
    return branch


def basic(shape: Shape, spec: ResNetSpec) -> list[nn.Conv2d]:
    """Return two 3 × 3 convolutions, the first with the stride."""
    bias = spec.norm == "none"
    return [
        convolution(shape.carried, shape.width, stride=shape.stride, bias=bias),
        convolution(shape.width, shape.width, bias=bias),
    ]


def bottleneck(shape: Shape, spec: ResNetSpec) -> list[nn.Conv2d]:
    """Return 1 × 1, 3 × 3 and 1 × 1; the stride is on the 3 × 3, which loses no pixel."""
    bias = spec.norm == "none"
    middle = int(shape.width * spec.widen)
    return [
        convolution(shape.carried, middle, kernel=1, bias=bias),
        convolution(middle, middle, stride=shape.stride, groups=spec.groups, bias=bias),
        convolution(middle, shape.width * spec.expansion, kernel=1, bias=bias),
    ]
