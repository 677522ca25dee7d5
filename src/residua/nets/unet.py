"""U-Net (Ronneberger et al. 2015, arXiv:1505.04597): one level around the next, joined at every size.

The paper's convolutions lose their border (572 pixels in, 388 out); these keep it, so that every pixel of the
image gets an answer. With residual blocks in place of the double convolutions it is the residual U-Net of Zhang et
al. 2017 (arXiv:1711.10684), here with He's original order and with the pooling of the U-Net.
"""

from torch import nn

from residua.nets.network import Network
from residua.nets.resnet import trunk
from residua.nets.spec import ResNetSpec, UNetSpec, stride
from residua.parts import Chain, Concat, Fitted, Sum, activation, convolution, shortcut, wired


def unet(spec: UNetSpec) -> Network:
    """Build a U-Net of the paper's form, or around a residual encoder."""
    if spec.encoder is None:
        body, width = level(spec.in_channels, spec.widths, spec), spec.widths[0]
    else:
        body, width = encoded(spec.encoder, spec), spec.widths[-1]
    return Network(
        spec, body=Fitted(body, stride(spec)), head=convolution(width, spec.classes, kernel=1, bias=True)
    )


def level(carried: int, widths: tuple[int, ...], spec: UNetSpec) -> Chain:
    """Return one level of the U and, inside its join, all the levels below."""
    width, *below = widths
    encode = double(carried, width, spec)
    if not below:
        return Chain(encode=encode)
    deeper = Chain(
        down=nn.MaxPool2d(2),
        deeper=level(width, tuple(below), spec),
        up=nn.ConvTranspose2d(below[0], width, 2, stride=2),
    )
    skip, merged = joined(deeper, carried=width, learned=width, spec=spec)
    return Chain(encode=encode, skip=skip, decode=double(merged, width, spec))


def encoded(encoder: ResNetSpec, spec: UNetSpec) -> Chain:
    """Return a U whose way down is a residual network: each size that it passes is one level."""
    floors = levels(encoder)
    if encoder.stem == "cifar":
        body, _ = climb(floors, spec.widths, spec)
        return body
    body, learned = climb(floors, spec.widths[:-1], spec)
    return Chain(u=body, up=nn.Upsample(scale_factor=2), decode=double(learned, spec.widths[-1], spec))


def levels(encoder: ResNetSpec) -> list[tuple[nn.Module, int]]:
    """Cut the trunk of a residual network where its size halves; return each piece with its channels."""
    parts = trunk(encoder)
    widths = encoder.outputs
    stages = [parts[f"stage{number}"] for number in range(1, len(widths) + 1)]
    if "close" in parts:
        stages[-1] = Chain(stage=stages[-1], close=parts["close"])
    stem = parts["stem"]
    assert isinstance(stem, Chain)
    if encoder.stem == "cifar":
        stages[0] = Chain(stem=stem, stage=stages[0])
        return list(zip(stages, widths, strict=True))
    stages[0] = Chain(pool=stem["pool"], stage=stages[0])
    return [(stem[:-1], encoder.stem_width), *zip(stages, widths, strict=True)]


def climb(floors: list[tuple[nn.Module, int]], widths: tuple[int, ...], spec: UNetSpec) -> tuple[Chain, int]:
    """Return the U over these pieces of an encoder, and the channels it gives.

    Args:
        floors: the pieces from fine to coarse, each with the channels it gives.
        widths: of the way up, from coarse to fine: one for each piece but the last.
        spec: of the U-Net.
    """
    (encode, carried), *below = floors
    if not below:
        return Chain(encode=encode), carried
    deeper, learned = climb(below, widths[:-1], spec)
    up = nn.Upsample(scale_factor=2)
    if spec.join == "sum":
        branch = Chain(deeper=deeper, up=up, match=convolution(learned, carried, kernel=1))
        learned = carried
    else:
        branch = Chain(deeper=deeper, up=up)
    skip, merged = joined(branch, carried=carried, learned=learned, spec=spec)
    return Chain(encode=encode, skip=skip, decode=double(merged, widths[-1], spec)), widths[-1]


def joined(deeper: Chain, *, carried: int, learned: int, spec: UNetSpec) -> tuple[nn.Module, int]:
    """Return what comes up from below, joined with what was there before, and the channels after it."""
    match spec.join:
        case "concat":
            return Concat(deeper), Concat.width(carried, learned)
        case "sum":
            return Sum(deeper), Sum.width(carried, learned)
        case "none":
            return deeper, learned


def double(carried: int, learned: int, spec: UNetSpec) -> Chain:
    """Return two 3 × 3 convolutions, each with its norm and ReLU, or those two as a residual block."""
    bias = spec.norm == "none"
    convolutions = [convolution(carried, learned, bias=bias), convolution(learned, learned, bias=bias)]
    if spec.block == "plain":
        return Chain(**wired(convolutions, order="relu_before_sum", norm=spec.norm))
    carry = shortcut("B", carried, learned, stride=1, norm=spec.norm)
    block = Sum(Chain(**wired(convolutions, order="original", norm=spec.norm)), carry)
    return Chain(sum=block, relu=activation())
