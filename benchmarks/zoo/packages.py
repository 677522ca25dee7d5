"""Networks as torchvision and timm define them, for pictures of 32 × 32, with what was drawn put into them."""

from collections.abc import Callable
from functools import cache
from typing import Final

import torch
from torch import nn

from benchmarks.zoo.draw import Drawn
from residua.errors import MissingExtra

CLASSES = 10
TORCHVISION: Final = (
    "resnet18",
    "mobilenet_v2",
    "shufflenet_v2_x0_5",
    "regnet_y_400mf",
    "squeezenet1_1",
    "regnet_x_400mf",
    "resnet34",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "mnasnet0_5",
    "densenet121",
)
TIMM: Final[dict[str, dict[str, int]]] = {
    "vit_tiny_patch16_224": {"img_size": 32, "patch_size": 8},
    "resnet10t": {},
    "convnext_atto": {},
    "mobilenetv3_small_050": {},
    "resnetv2_18": {},
    "deit_tiny_patch16_224": {"img_size": 32, "patch_size": 8},
    "regnetx_002": {},
    "lcnet_050": {},
    "resmlp_12_224": {"img_size": 32},
    "darknet17": {},
    "ghostnet_050": {},
    "pit_ti_224": {"img_size": 32},
}
"""Names, and what makes those that expect larger pictures take pictures of 32 pixels."""
KINDS: Final = (nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Hardswish)
NORMS: Final = (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


@cache
def operators() -> torch.library.Library:
    """Name the two operators without which torchvision's definitions do not import beside every build of PyTorch."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not torch._C._dispatch_has_kernel(f"torchvision::{name}"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def build_torchvision(drawn: Drawn) -> nn.Module:
    """Return a network of torchvision."""
    operators()
    try:
        from torchvision.models import get_model
    except ImportError as error:
        raise MissingExtra("install torchvision and timm: pip install --no-deps torchvision timm") from error
    name = TORCHVISION[drawn.number // 10 % len(TORCHVISION)]
    return changed(get_model(name, weights=None, num_classes=CLASSES), drawn)


def build_timm(drawn: Drawn) -> nn.Module:
    """Return a network of timm."""
    operators()
    try:
        import timm
    except ImportError as error:
        raise MissingExtra("install torchvision and timm: pip install --no-deps torchvision timm") from error
    name = list(TIMM)[drawn.number // 10 % len(TIMM)]
    return changed(timm.create_model(name, num_classes=CLASSES, **TIMM[name]), drawn)


def changed(model: nn.Module, drawn: Drawn) -> nn.Module:
    """Put another activation, no norm or another start into a network, where they were drawn."""
    if drawn.activation != "own":
        replace(model, KINDS, ACTIVATIONS[drawn.activation])
    if drawn.norm == "none":
        replace(model, NORMS, nn.Identity)
    factor = {"small": 0.3, "large": 2.0}.get(drawn.start, 1.0)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.mul_(factor)
    return model


def replace(model: nn.Module, kinds: tuple[type[nn.Module], ...], make: Callable[[], nn.Module]) -> None:
    """Put another layer in place of each of some kinds."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, kinds):
                setattr(module, name, make())


ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "relu": nn.ReLU,
    "leaky": lambda: nn.LeakyReLU(0.1),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
