"""Small random networks of seven families for pictures of 8 × 8: some train, some do not.

A network depends on its number alone. What is drawn: depth, norm, activation, start and, now and then, a habit
that is known to hurt. Nothing here is of Residua's own making except the draw, so that the exam is asked about
modules as anybody writes them.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor, nn

Family = Literal["plain", "resnet", "preact", "dense", "mlp", "transformer", "convnext"]
FAMILIES: tuple[Family, ...] = ("plain", "resnet", "preact", "dense", "mlp", "transformer", "convnext")
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky": lambda: nn.LeakyReLU(0.1),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
STARTS = ("default", "he", "glorot", "orthogonal", "small", "large")
CLASSES = 10


@final
@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for one network."""

    number: int
    family: Family
    depth: int
    norm: str
    activation: str
    start: str
    zero: bool


def draw(number: int) -> Drawn:
    """Return what network of this number is; families take turns."""
    family = FAMILIES[number % len(FAMILIES)]
    dice = random.Random(number)
    deep = {"transformer": 12, "convnext": 12, "mlp": 40}.get(family, 60)
    depth = round(4 * (deep / 4) ** dice.random())
    norms = ["layer", "none"] if family in ("transformer", "convnext", "mlp") else ["batch", "none", "group"]
    if family == "mlp":
        norms.append("batch")
    return Drawn(
        number=number,
        family=family,
        depth=max(1, depth),
        norm=dice.choice(norms),
        activation=dice.choices(list(ACTIVATIONS), (4, 1, 2, 1, 2, 1))[0],
        start=dice.choices(STARTS, (3, 3, 1, 1, 1, 1))[0],
        zero=dice.random() < 0.2,
    )


def build(drawn: Drawn) -> nn.Module:
    """Return the network with weights that depend on its number alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(drawn.number)
        model = BUILDERS[drawn.family](drawn)
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
        head = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
        nn.init.zeros_(head.weight)


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
    """Cut pictures of 8 × 8 into sixteen tokens and say where each was."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cut = nn.Conv2d(1, width, 2, stride=2)
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


def pooled(*parts: nn.Module, width: int) -> nn.Sequential:
    """Return the parts, the mean over the picture, and the head."""
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))


def widths(layers: int) -> list[tuple[int, int, int]]:
    """Return channels in, channels out and stride of each layer over three stages."""
    out = [(8, 16, 32)[min(2, 3 * place // layers)] for place in range(layers)]
    return [
        (before, after, 2 if after > before else 1) for before, after in zip([8, *out], out, strict=False)
    ]


def plain(drawn: Drawn) -> nn.Module:
    """Return convolutions in a row."""
    act = ACTIVATIONS[drawn.activation]
    parts: list[nn.Module] = [conv(1, 8), *normed(drawn, 8), act()]
    for carried, learned, stride in widths(drawn.depth):
        parts += [conv(carried, learned, stride), *normed(drawn, learned), act()]
    return pooled(*parts, width=32)


def resnet(drawn: Drawn) -> nn.Module:
    """Return blocks whose activation follows the sum."""
    act = ACTIVATIONS[drawn.activation]
    parts: list[nn.Module] = [conv(1, 8), *normed(drawn, 8), act()]
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
    return pooled(*parts, width=32)


def preact(drawn: Drawn) -> nn.Module:
    """Return blocks that begin with norm and activation."""
    act = ACTIVATIONS[drawn.activation]
    parts: list[nn.Module] = [conv(1, 8)]
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
    return pooled(*parts, *normed(drawn, 32), act(), width=32)


def dense(drawn: Drawn) -> nn.Module:
    """Return three dense blocks with transitions that halve."""
    act, growth, width = ACTIVATIONS[drawn.activation], 4, 8
    parts: list[nn.Module] = [conv(1, width)]
    for block in range(3):
        for _ in range(max(1, drawn.depth // 3)):
            parts.append(Beside(nn.Sequential(*normed(drawn, width), act(), conv(width, growth))))
            width += growth
        if block < 2:
            parts += [*normed(drawn, width), act(), nn.Conv2d(width, width // 8 * 4, 1), nn.AvgPool2d(2)]
            width = width // 8 * 4
    return pooled(*parts, *normed(drawn, width), act(), width=width)


def mlp(drawn: Drawn) -> nn.Module:
    """Return fully connected layers in a row."""
    act, width = ACTIVATIONS[drawn.activation], 64
    parts: list[nn.Module] = [nn.Flatten(), nn.Linear(64, width), act()]
    for _ in range(drawn.depth):
        parts += [nn.Linear(width, width), *normed(drawn, width, flat=True), act()]
    return nn.Sequential(*parts, nn.Linear(width, CLASSES))


def transformer(drawn: Drawn) -> nn.Module:
    """Return attention and MLP in turn, each added to what it was given."""
    act, width = ACTIVATIONS[drawn.activation], 32
    parts: list[nn.Module] = [Tokens(width)]
    for _ in range(drawn.depth):
        parts.append(Add(nn.Sequential(*normed(drawn, width, flat=True), Attention(width, 4))))
        inner = [nn.Linear(width, 64), act(), nn.Linear(64, width)]
        parts.append(Add(nn.Sequential(*normed(drawn, width, flat=True), *inner)))
    return nn.Sequential(*parts, *normed(drawn, width, flat=True), Mean(), nn.Linear(width, CLASSES))


def convnext(drawn: Drawn) -> nn.Module:
    """Return depthwise convolutions with wide 1 × 1 ones, each pair added to what it was given."""
    act, width = ACTIVATIONS[drawn.activation], 16
    parts: list[nn.Module] = [nn.Conv2d(1, width, 2, stride=2)]
    for _ in range(drawn.depth):
        branch = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            *normed(drawn, width),
            nn.Conv2d(width, 4 * width, 1),
            act(),
            nn.Conv2d(4 * width, width, 1),
        )
        parts.append(Add(branch))
    return pooled(*parts, width=width)


BUILDERS: dict[Family, Callable[[Drawn], nn.Module]] = {
    "plain": plain,
    "resnet": resnet,
    "preact": preact,
    "dense": dense,
    "mlp": mlp,
    "transformer": transformer,
    "convnext": convnext,
}
