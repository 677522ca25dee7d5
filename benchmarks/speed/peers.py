"""The same networks as others define them, with random weights."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Torchvision's build for PyPI does not import beside a CPU build of torch without these two names.
OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


def declare_operators() -> None:
    """Name the operators of torchvision that its compiled half would have named."""
    for name in ("nms", "qnms"):
        if not torch._C._dispatch_has_kernel(f"torchvision::{name}"):
            OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def network(name: str) -> nn.Module:
    """Return a network of torchvision, of segmentation_models.pytorch, or the small ones for CIFAR as usually written.

    Args:
        name: such as "resnet50", "densenet121", "unet_resnet34" or "resnet20_cifar".
    """
    declare_operators()
    if name.endswith("_cifar"):
        return CifarResNet(int(name.removeprefix("resnet").removesuffix("_cifar")))
    if name.startswith("unet_"):
        import segmentation_models_pytorch as smp

        model: nn.Module = smp.Unet(name.removeprefix("unet_"), encoder_weights=None, classes=2)
        return model
    import torchvision.models

    made: Any = getattr(torchvision.models, name)(weights=None)
    return made  # type: ignore[no-any-return]


class CifarBlock(nn.Module):
    """Two convolutions and a shortcut that drops every other pixel and adds channels of zeros (He et al. 2015)."""

    def __init__(self, carried: int, width: int) -> None:
        super().__init__()
        stride = 1 if carried == width else 2
        self.conv1 = nn.Conv2d(carried, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.grows = carried != width

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.grows:
            more = x.shape[1] // 2
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))
        return F.relu(out + x)


class CifarResNet(nn.Module):
    """He's network of 6n + 2 layers for pictures of 32 pixels, as most repositories of CIFAR networks write it."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks, carried = [], 16
        for width in (16, 32, 64):
            for _ in range((depth - 2) // 6):
                blocks.append(CifarBlock(carried, width))
                carried = width
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        out = self.blocks(F.relu(self.bn1(self.conv1(x))))
        return self.linear(out.mean((2, 3)))
