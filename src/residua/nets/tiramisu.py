"""Fully convolutional DenseNets, the tiramisu (Jégou et al. 2017, arXiv:1611.09326): a U-Net of dense blocks.

Going up, only what the block below has learned is enlarged, and not what it carried: with all of it the width
would grow at every size. The same features come back over the skip, at full resolution.
"""

from typing import final

from torch import Tensor, nn

from residua.nets.network import Network
from residua.nets.spec import TiramisuSpec, stride
from residua.parts import Chain, Concat, Fitted, Part, convolution, wired


@final
class Newest(Part):
    """Keep the last channels: what the layers of a dense block have added to what it carried.

    >>> import torch
    >>> Newest(2)(torch.zeros(1, 5, 4, 4)).shape
    torch.Size([1, 2, 4, 4])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return x[:, -self.channels :]

    def extra_repr(self) -> str:
        return f"{self.channels}"


def tiramisu(spec: TiramisuSpec) -> Network:
    """Build a tiramisu; a network of d sizes has 2 d - 1 dense blocks."""
    body, width = level(spec.stem_width, spec.depths, spec)
    return Network(
        spec,
        stem=convolution(spec.in_channels, spec.stem_width),
        body=Fitted(body, stride(spec)),
        head=convolution(width, spec.classes, kernel=1, bias=True),
    )


def level(carried: int, depths: tuple[int, ...], spec: TiramisuSpec) -> tuple[Chain, int]:
    """Return one size of the U with all the smaller ones inside its join, and the channels it gives."""
    depth, *below = depths
    encode, width = dense(carried, depth, spec)
    if not below:
        return Chain(encode=encode), width
    deeper, _ = level(width, tuple(below), spec)
    learned = below[0] * spec.growth
    skip = Concat(Chain(down=down(width, spec), deeper=deeper, new=Newest(learned), up=up(learned)))
    decode, given = dense(Concat.width(width, learned), depth, spec)
    return Chain(encode=encode, skip=skip, decode=decode), given


def dense(carried: int, depth: int, spec: TiramisuSpec) -> tuple[Chain, int]:
    """Return a block of `depth` layers that each read all before them, and the channels it gives."""
    layers = []
    for _ in range(depth):
        layers.append(Concat(layer(carried, spec.growth, kernel=3, dropout=spec.dropout)))
        carried = Concat.width(carried, spec.growth)
    return Chain(*layers), carried


def layer(carried: int, learned: int, *, kernel: int, dropout: float) -> Chain:
    """Return batch norm, ReLU, convolution and dropout."""
    named = wired([convolution(carried, learned, kernel=kernel)], order="full_preact", norm="batch")
    return Chain(**named, drop=nn.Dropout2d(dropout)) if dropout else Chain(**named)


def down(carried: int, spec: TiramisuSpec) -> Chain:
    """Return what stands between two sizes on the way down: a 1 × 1 convolution and a pooling."""
    return Chain(mix=layer(carried, carried, kernel=1, dropout=spec.dropout), pool=nn.MaxPool2d(2))


def up(channels: int) -> nn.ConvTranspose2d:
    """Return what doubles the size on the way up: a 3 × 3 transposed convolution at stride 2."""
    return nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1)
