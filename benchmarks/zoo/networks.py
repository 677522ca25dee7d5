"""The networks of the zoo that are written here, in plain PyTorch: some train, some do not.

A network depends on its number alone. Nothing here is of Residua's own making, so that the exam is asked about
modules as anybody writes them.
"""

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from benchmarks.zoo.draw import Drawn, Family
from benchmarks.zoo.packages import ACTIVATIONS, build_timm, build_torchvision


def build(drawn: Drawn) -> nn.Module:
    """Return the network with weights that depend on its number alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(drawn.number)
        model = BUILDERS[drawn.family](drawn)
        if drawn.family in ("torchvision", "timm"):
            return model
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                begin(module, drawn.start)
        if drawn.zero:
            begin_at_zero(model)
    return model


def begin(layer: nn.Conv2d | nn.Linear, start: str) -> None:
    """Fill the weights of one layer."""
    match start:
        case "he" | "small" | "large":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            layer.weight.data.mul_({"he": 1, "small": 0.3, "large": 2}[start])
        case "glorot":
            nn.init.xavier_normal_(layer.weight)
        case "orthogonal":
            nn.init.orthogonal_(layer.weight, math.sqrt(2))
    if start != "default" and layer.bias is not None:
        nn.init.zeros_(layer.bias)


def begin_at_zero(model: nn.Module) -> None:
    """Begin every branch at zero where there are shortcuts, and the head everywhere else: both train."""
    branches = [module for module in model.modules() if isinstance(module, Add)]
    for branch in branches:
        last = [m for m in branch.branch.modules() if isinstance(m, nn.Conv2d | nn.Linear)][-1]
        nn.init.zeros_(last.weight)
    if not branches:
        head = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)][-1]
        nn.init.zeros_(cast(nn.Conv2d | nn.Linear, head).weight)


class Add(nn.Module):
    """A residual block as most people write it."""

    def __init__(self, branch: nn.Module, project: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.project = project

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + (x if self.project is None else self.project(x))


class Beside(nn.Module):
    """A dense layer: what it computes goes beside what it was given."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.branch(x)), 1)


class Attention(nn.Module):
    """Self-attention over the tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.mix(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Tokens(nn.Module):
    """Cut pictures into sixteen tokens and say where each was."""

    def __init__(self, channels: int, side: int, width: int) -> None:
        super().__init__()
        self.cut = nn.Conv2d(channels, width, side // 4, stride=side // 4)
        self.place = nn.Parameter(0.02 * torch.randn(1, 16, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.cut(x).flatten(2).mT + self.place


class Mean(nn.Module):
    """The mean over the tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


class Last(nn.Module):
    """Layer norm over the channels of a picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def normed(drawn: Drawn, channels: int, *, flat: bool = False) -> list[nn.Module]:
    """Return the norm as a list, empty for none."""
    match drawn.norm:
        case "batch":
            return [nn.BatchNorm1d(channels) if flat else nn.BatchNorm2d(channels)]
        case "group":
            return [nn.GroupNorm(4, channels)]
        case "layer":
            return [nn.LayerNorm(channels) if flat else Last(channels)]
        case _:
            return []


def conv(carried: int, learned: int, stride: int = 1) -> nn.Conv2d:
    """Return a 3 × 3 convolution."""
    return nn.Conv2d(carried, learned, 3, stride=stride, padding=1)


def pooled(*parts: nn.Module, width: int, classes: int) -> nn.Sequential:
    """Return the parts, the mean over the picture, and the head."""
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


def widths(layers: int) -> list[tuple[int, int, int]]:
    """Return channels in, channels out and stride of each layer over three stages."""
    out = [(8, 16, 32)[min(2, 3 * place // layers)] for place in range(layers)]
    return [
        (before, after, 2 if after > before else 1) for before, after in zip([8, *out], out, strict=False)
    ]


def plain(drawn: Drawn) -> nn.Module:
    """Return convolutions in a row."""
    act = ACTIVATIONS[drawn.activation]
    parts: list[nn.Module] = [conv(drawn.on.channels, 8), *normed(drawn, 8), act()]
    for carried, learned, stride in widths(drawn.depth):
        parts += [conv(carried, learned, stride), *normed(drawn, learned), act()]
    return pooled(*parts, width=32, classes=drawn.on.classes)


def resnet(drawn: Drawn) -> nn.Module:
    """Return blocks whose activation follows the sum."""
    act = ACTIVATIONS[drawn.activation]
    parts: list[nn.Module] = [conv(drawn.on.channels, 8), *normed(drawn, 8), act()]
    for carried, learned, stride in widths(max(3, drawn.depth // 2)):
        branch = nn.Sequential(
            conv(carried, learned, stride),
            *normed(drawn, learned),
            act(),
            conv(learned, learned),
            *normed(drawn, learned),
        )
        project = nn.Conv2d(carried, learned, 1, stride=stride) if stride > 1 else None
        parts += [Add(branch, project), act()]
    return pooled(*parts, width=32, classes=drawn.on.classes)


def preact(drawn: Drawn) -> nn.Module:
    """Return blocks that begin with norm and activation."""
    act = ACTIVATIONS[drawn.activation]
    parts: list[nn.Module] = [conv(drawn.on.channels, 8)]
    for carried, learned, stride in widths(max(3, drawn.depth // 2)):
        branch = nn.Sequential(
            *normed(drawn, carried),
            act(),
            conv(carried, learned, stride),
            *normed(drawn, learned),
            act(),
            conv(learned, learned),
        )
        parts.append(Add(branch, nn.Conv2d(carried, learned, 1, stride=stride) if stride > 1 else None))
    return pooled(*parts, *normed(drawn, 32), act(), width=32, classes=drawn.on.classes)


def dense(drawn: Drawn) -> nn.Module:
    """Return three dense blocks with transitions that halve."""
    act, growth, width = ACTIVATIONS[drawn.activation], 4, 8
    parts: list[nn.Module] = [conv(drawn.on.channels, width)]
    for block in range(3):
        for _ in range(max(1, drawn.depth // 3)):
            parts.append(Beside(nn.Sequential(*normed(drawn, width), act(), conv(width, growth))))
            width += growth
        if block < 2:
            parts += [*normed(drawn, width), act(), nn.Conv2d(width, width // 8 * 4, 1), nn.AvgPool2d(2)]
            width = width // 8 * 4
    return pooled(*parts, *normed(drawn, width), act(), width=width, classes=drawn.on.classes)


def mlp(drawn: Drawn) -> nn.Module:
    """Return fully connected layers in a row."""
    act, width = ACTIVATIONS[drawn.activation], 64
    values = drawn.on.channels * drawn.on.side**2
    parts: list[nn.Module] = [nn.Flatten(), nn.Linear(values, width), act()]
    for _ in range(drawn.depth):
        parts += [nn.Linear(width, width), *normed(drawn, width, flat=True), act()]
    return nn.Sequential(*parts, nn.Linear(width, drawn.on.classes))


class Level(nn.Module):
    """One size of a U-Net: what goes down comes up again beside what was there."""

    def __init__(self, encode: nn.Module, deeper: nn.Module, decode: nn.Module) -> None:
        super().__init__()
        self.encode = encode
        self.deeper = deeper
        self.decode = decode

    def forward(self, x: Tensor) -> Tensor:
        fine = self.encode(x)
        up = nn.functional.interpolate(self.deeper(nn.functional.max_pool2d(fine, 2)), scale_factor=2)
        return self.decode(torch.cat((fine, up), 1))


def unet(drawn: Drawn) -> nn.Module:
    """Return a U-Net of three sizes; its depth is shared out among five stacks of convolutions."""
    act, each = ACTIVATIONS[drawn.activation], max(1, drawn.depth // 5)

    def stack(carried: int, learned: int) -> nn.Module:
        parts: list[nn.Module] = []
        for place in range(each):
            parts += [conv(learned if place else carried, learned), *normed(drawn, learned), act()]
        return nn.Sequential(*parts)

    middle = Level(stack(8, 16), stack(16, 32), stack(48, 16))
    whole = Level(stack(drawn.on.channels, 8), middle, stack(24, 8))
    return nn.Sequential(whole, nn.Conv2d(8, drawn.on.classes, 1))


def transformer(drawn: Drawn) -> nn.Module:
    """Return attention and MLP in turn, each added to what it was given."""
    act, width = ACTIVATIONS[drawn.activation], 32
    parts: list[nn.Module] = [Tokens(drawn.on.channels, drawn.on.side, width)]
    for _ in range(drawn.depth):
        parts.append(Add(nn.Sequential(*normed(drawn, width, flat=True), Attention(width, 4))))
        inner = [nn.Linear(width, 64), act(), nn.Linear(64, width)]
        parts.append(Add(nn.Sequential(*normed(drawn, width, flat=True), *inner)))
    return nn.Sequential(*parts, *normed(drawn, width, flat=True), Mean(), nn.Linear(width, drawn.on.classes))


def convnext(drawn: Drawn) -> nn.Module:
    """Return depthwise convolutions with wide 1 × 1 ones, each pair added to what it was given."""
    act, width = ACTIVATIONS[drawn.activation], 16
    parts: list[nn.Module] = [nn.Conv2d(drawn.on.channels, width, 2, stride=2)]
    for _ in range(drawn.depth):
        branch = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            *normed(drawn, width),
            nn.Conv2d(width, 4 * width, 1),
            act(),
            nn.Conv2d(4 * width, width, 1),
        )
        parts.append(Add(branch))
    return pooled(*parts, width=width, classes=drawn.on.classes)


BUILDERS: dict[Family, Callable[[Drawn], nn.Module]] = {
    "plain": plain,
    "resnet": resnet,
    "preact": preact,
    "dense": dense,
    "mlp": mlp,
    "transformer": transformer,
    "convnext": convnext,
    "unet": unet,
    "torchvision": build_torchvision,
    "timm": build_timm,
}
