"""Small networks that are well, and how to break them: what the exam is tested on."""

import torch
from torch import Tensor, nn

from residua.look import Examples

CLASSES = 4


def batch(samples: int = 128, *, seed: int = 0) -> Examples:
    """Return pictures of 8 × 8 whose class is the quarter that is bright."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(samples) % CLASSES
    inputs = 0.3 * torch.randn(samples, 1, 8, 8, generator=generator)
    for place, label in enumerate(labels.tolist()):
        row, column = divmod(label, 2)
        inputs[place, 0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 2
    return (inputs - inputs.mean()) / inputs.std(), labels


def plain(depth: int = 3, *, norm: bool = True, width: int = 8) -> nn.Sequential:
    """Return convolutions in a row, and a head."""
    parts: list[nn.Module] = []
    for place in range(depth):
        parts.append(nn.Conv2d(width if place else 1, width, 3, padding=1))
        parts += [nn.BatchNorm2d(width)] if norm else []
        parts.append(nn.ReLU())
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(64 * width, CLASSES))


class Block(nn.Module):
    """A residual block as people write it, right or wrong."""

    def __init__(self, width: int, *, first_in_place: bool = False, one_channel: bool = False) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=first_in_place)
        self.conv = nn.Conv2d(width, 1 if one_channel else width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.relu(x)) + x


def residual(blocks: int = 3, *, first_in_place: bool = False, one_channel: bool = False) -> nn.Sequential:
    """Return residual blocks between a first convolution and a head."""
    parts = [Block(8, first_in_place=first_in_place, one_channel=one_channel) for _ in range(blocks)]
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), *parts, nn.Flatten(), nn.Linear(512, CLASSES))


def seeded(model_of: object, *args: object, **kwargs: object) -> nn.Module:
    """Return a network whose weights are the same each time."""
    assert callable(model_of)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = model_of(*args, **kwargs)
    assert isinstance(made, nn.Module)
    return made
