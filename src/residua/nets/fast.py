"""A residual network for small images that learns in minutes, on a processor as well.

Of what makes a network for CIFAR-10 quick to train (Page 2019, "How to train your ResNet"; Jordan 2024,
arXiv:2404.00498) it takes three things, and its blocks from He et al. 2016 (arXiv:1603.05027), pre-activated:

- Few layers, and most channels where the image is small: at full size the time goes into moving numbers.
- A stage begins with a convolution and a pooling that keeps the largest of four, which sees all that a convolution at
  stride 2 leaves out.
- The stem begins with what the images say: the directions in which their patches vary most, each scaled to the
  same variance (Jordan keeps them so; here they go on learning).
"""

import torch
import torch.nn.functional as F
from torch import nn

from residua.nets.network import Network
from residua.nets.spec import FastSpec
from residua.parts import Chain, Sum, activation, convolution, normalisation, wired
from residua.types import Images

LEAST_VARIANCE = 5e-4
"""Added to the variance of a direction before it is divided by, as Jordan does: what is flat is not blown up."""


def fast(spec: FastSpec) -> Network:
    """Build it: a stem at full size, and stages that each halve it."""
    parts: dict[str, nn.Module] = {"stem": Chain(conv=convolution(spec.in_channels, spec.stem_width))}
    carried = spec.stem_width
    for number, (depth, width) in enumerate(zip(spec.depths, spec.widths, strict=True), start=1):
        parts[f"stage{number}"] = stage(carried, width, depth)
        carried = width
    parts["close"] = Chain(norm=normalisation("batch", carried), relu=activation())
    head = Chain(pool=nn.AdaptiveMaxPool2d(1), flatten=nn.Flatten(), linear=nn.Linear(carried, spec.classes))
    return Network(spec, **parts, head=head)


def stage(carried: int, width: int, depth: int) -> Chain:
    """Return a convolution and a pooling that set the shape, and so many residual blocks of one convolution."""
    # Rounding up, so that a row of pixels left over is still seen.
    shaping = Chain(**preactivated(carried, width), pool=nn.MaxPool2d(2, ceil_mode=True))
    return Chain(shaping, *(Sum(Chain(**preactivated(width, width))) for _ in range(depth)))


def preactivated(carried: int, width: int) -> dict[str, nn.Module]:
    """Return a norm, a ReLU and a convolution by name."""
    return wired([convolution(carried, width)], order="full_preact", norm="batch")


@torch.no_grad()
def whiten(conv: nn.Conv2d, images: Images) -> None:
    """Begin a convolution with the main directions of the patches it sees, and their opposites, in place.

    A ReLU behind it keeps one side of a direction, and of its opposite the other. Outputs that are left when every
    direction has two keep the weights that they have.

    Args:
        conv: without a bias.
        images: normalised, of as many channels as it takes.

    >>> conv, images = nn.Conv2d(1, 4, 3, stride=2, bias=False), torch.randn(64, 1, 9, 9)
    >>> whiten(conv, images)
    >>> seen = conv(images).detach()
    >>> bool(torch.equal(seen[:, :2], -seen[:, 2:])), [round(float(std)) for std in seen.std((0, 2, 3))]
    (True, [1, 1, 1, 1])
    """
    patches = F.unfold(images, conv.kernel_size, stride=conv.stride).transpose(1, 2).flatten(0, 1)
    variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
    scaled = (directions / (variances.clamp(min=0) + LEAST_VARIANCE).sqrt()).T.flip(0)
    chosen = scaled[: conv.out_channels // 2].reshape(-1, *conv.weight.shape[1:])
    conv.weight[: 2 * len(chosen)] = torch.cat([chosen, -chosen])
