"""A residual network for small images that learns in minutes, on a processor as well.

Pre-activated blocks of two 3 × 3 convolutions (He et al. 2016, "Identity mappings in deep residual networks",
arXiv:1603.05027), few and wide rather than many and narrow. Two things make it quick to train:

- The stem halves the image at once. At full size a network for small images spends most of its time on norms and
  sums of its first stage; at half of it there are a quarter as many numbers to pass through memory.
- The stem begins with what the images say: the directions in which their patches vary most, each scaled to the
  same variance (Page 2019, "How to train your ResNet", part 8; Jordan 2024, arXiv:2404.00498, there frozen).
"""

import torch
import torch.nn.functional as F
from torch import nn

from residua.nets.network import Network
from residua.nets.resnet import classifier, trunk
from residua.nets.spec import FastSpec, ResNetSpec
from residua.parts import Chain, convolution
from residua.types import Images

LEAST_VARIANCE = 5e-4
"""Added to the variance of a direction before it is divided by, as Jordan does: what is flat is not blown up."""


def fast(spec: FastSpec) -> Network:
    """Build it: the stem at half the size, and the stages of a pre-activated residual network."""
    stages = ResNetSpec(
        depths=spec.depths,
        widths=spec.widths,
        order="full_preact",
        stem="cifar",
        stem_width=spec.widths[0],
        in_channels=spec.in_channels,
    )
    parts = trunk(stages)
    parts["stem"] = Chain(conv=convolution(spec.in_channels, spec.widths[0], stride=2))
    return Network(spec, **parts, head=classifier(spec.widths[-1], spec.classes))


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
