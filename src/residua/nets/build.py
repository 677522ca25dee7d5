"""From a name or a spec to a network."""

import math
from typing import assert_never

import msgspec
from torch import nn

from residua.nets.densenet import densenet
from residua.nets.fast import fast
from residua.nets.network import Network, refuse_misfit
from residua.nets.plain import plain
from residua.nets.presets import spec as spec_named
from residua.nets.resnet import resnet
from residua.nets.revnet import revnet
from residua.nets.spec import (
    DenseNetSpec,
    FastSpec,
    PlainSpec,
    ResNetSpec,
    ReversibleSpec,
    Spec,
    TiramisuSpec,
    UNetSpec,
)
from residua.nets.tiramisu import tiramisu
from residua.nets.unet import unet


def build(
    network: str | Spec,
    *,
    classes: int | None = None,
    in_channels: int | None = None,
    image_size: int | None = None,
) -> Network:
    """Build a network by its name or from its spec, with fresh weights (He et al. 2015, arXiv:1502.01852).

    The weights come from PyTorch's random state: call `torch.manual_seed` first to have the same again.

    Args:
        network: a name from `residua models`, such as "resnet50", or a spec.
        classes: outputs; the preset's if not given.
        in_channels: of the images; the preset's if not given.
        image_size: side in pixels of the images to come; refused here if they would be too small.

    Raises:
        UnknownName: no preset of that name; the nearest ones are named.
        BadSpec: it cannot be built with so many classes or channels.
        BadInput: images of `image_size` are too small for it.

    >>> import torch
    >>> build("resnet20_cifar", classes=5)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """
    spec = spec_named(network) if isinstance(network, str) else network
    spec = resized(spec, classes=classes, in_channels=in_channels)
    if image_size is not None:
        refuse_misfit(spec, channels=spec.in_channels, size=(image_size, image_size))
    match spec:
        case PlainSpec():
            built = plain(spec)
        case ResNetSpec():
            built = resnet(spec)
        case DenseNetSpec():
            built = densenet(spec)
        case ReversibleSpec():
            built = revnet(spec)
        case FastSpec():
            built = fast(spec)
        case UNetSpec():
            built = unet(spec)
        case TiramisuSpec():
            built = tiramisu(spec)
        case _:
            assert_never(spec)
    initialise(built)
    return built


def resized(spec: Spec, *, classes: int | None, in_channels: int | None) -> Spec:
    """Return the spec with another number of outputs or of input channels."""
    changes: dict[str, object] = {}
    if classes is not None:
        changes["classes"] = classes
    if in_channels is not None:
        changes["in_channels"] = in_channels
        if isinstance(spec, UNetSpec) and spec.encoder is not None:
            changes["encoder"] = msgspec.structs.replace(spec.encoder, in_channels=in_channels)
    return msgspec.structs.replace(spec, **changes)


def initialise(network: Network) -> None:
    """Draw the weights of every convolution and linear layer; norms and scales keep what their builder set.

    Convolutions take He's normal over fan-out, as in the residual networks' papers. Linear layers and the
    last layer take a uniform over fan-in, which keeps the first loss near log(classes). Biases are 0.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear) or (name == "head" and isinstance(module, nn.Conv2d)):
            nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5))
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
