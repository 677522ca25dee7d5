"""The fully connected networks of the theory: as wide as it needs, and centred where it asks for that."""

import math
from itertools import pairwise
from typing import Literal, final

import torch
from torch import Tensor, nn

from residua.parts import Chain, Part, Scale, Sum

WIDTH = 200

Centring = Literal["none", "mean", "batch"]
"""What stands before each ReLU: nothing, the mean of each unit taken out, or a batch norm."""


@final
class Centred(Part):
    """Take out the mean of each unit over the batch, as a constant: no gradient flows through the mean.

    >>> Centred()(torch.tensor([[1.0], [3.0]]))
    tensor([[-1.],
            [ 1.]])
    """

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0).detach()


def linear(carried: int, learned: int, *, bias: float = 0.0) -> nn.Linear:
    """Return a layer with He's weights and biases of the given deviation."""
    layer = nn.Linear(carried, learned)
    nn.init.normal_(layer.weight, std=math.sqrt(2 / carried))
    nn.init.normal_(layer.bias, std=bias)
    return layer


def centre(centring: Centring) -> dict[str, nn.Module]:
    """Return what stands before a ReLU, by name; nothing for "none"."""
    match centring:
        case "none":
            return {}
        case "mean":
            return {"centre": Centred()}
        case "batch":
            return {"norm": nn.BatchNorm1d(WIDTH)}


def plain(depth: int, centring: Centring, *, inputs: int = 1) -> nn.Module:
    """Return `depth` hidden layers and one output.

    Only the first layer has a bias, of deviation 1: with a single input and no bias at all the network would be
    two straight lines.
    """
    layers: list[nn.Module] = []
    for place in range(depth):
        layer = linear(WIDTH if place else inputs, WIDTH, bias=0 if place else 1)
        layers.append(Chain(linear=layer, **centre(centring), relu=nn.ReLU()))
    return nn.Sequential(*layers, linear(WIDTH, 1))


def residual(depth: int, centring: Centring, *, beta: float = 1.0, inputs: int = 1) -> nn.Module:
    """Return one layer, `depth` blocks whose branch is (norm,) ReLU, layer and a factor, and one output."""
    blocks = []
    for _ in range(depth):
        branch = Chain(**centre(centring), relu=nn.ReLU(), linear=linear(WIDTH, WIDTH), scale=Scale(beta))
        blocks.append(Sum(branch))
    return nn.Sequential(linear(inputs, WIDTH, bias=1), *blocks, linear(WIDTH, 1))


def notebook(depth: int) -> nn.Module:
    """Return a plain network with weights and biases ~ N(0, 1/width), as in the book's notebook 11.1."""
    sizes = [1] + [WIDTH] * depth + [1]
    layers: list[nn.Module] = []
    for carried, learned in pairwise(sizes):
        layer = nn.Linear(carried, learned)
        torch.nn.init.normal_(layer.weight, std=math.sqrt(1 / WIDTH))
        torch.nn.init.normal_(layer.bias, std=math.sqrt(1 / WIDTH))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
