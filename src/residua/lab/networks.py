"""The networks of the trained claims: He's 6n + 2 layers, plain and residual, as wide as the pictures ask for."""

from typing import Literal

from residua.lab.samples import Samples
from residua.lab.seeds import seeded
from residua.nets.build import build
from residua.nets.network import Network
from residua.nets.spec import ResNetSpec

Join = Literal["none", "sum"]


def spec(
    depth: int,
    join: Join,
    *,
    channels: int = 1,
    classes: int = 10,
    size: int = 8,
    order: Literal[
        "original", "norm_after_sum", "relu_before_sum", "relu_preact", "full_preact"
    ] = "original",
    norm: Literal["batch", "group", "none"] = "batch",
) -> ResNetSpec:
    """Return a network of 6n + 2 layers with shortcuts of option A, or its plain twin.

    Args:
        depth: layers; the nearest depth of 6n + 2 is taken.
        join: "none" for the plain twin.
        channels: of the pictures.
        classes: outputs.
        size: side of the pictures in pixels. Up to 16 the stages are 8, 16 and 32 wide, which is enough for
            digits and lets all claims run in minutes; above they are 16, 32 and 64 wide, as in the paper.
        order: where norm and ReLU stand.
        norm: of the whole network.

    >>> spec(56, "sum").depths
    (9, 9, 9)
    """
    blocks = max(1, round((depth - 2) / 6))
    width = 8 if size <= 16 else 16
    return ResNetSpec(
        depths=(blocks, blocks, blocks),
        widths=(width, 2 * width, 4 * width),
        order=order,
        join=join,
        shortcut="A",
        stem="cifar",
        stem_width=width,
        norm=norm,
        in_channels=channels,
        classes=classes,
    )


def untrained(depth: int, join: Join, pictures: Samples, *, seed: int) -> Network:
    """Return a fresh network for these pictures, where they are.

    >>> from residua.lab.samples import samples
    >>> untrained(20, "sum", samples(), seed=0).spec.depths
    (3, 3, 3)
    """
    made = spec(depth, join, channels=pictures.channels, classes=pictures.classes, size=pictures.size)
    with seeded(seed):
        return build(made).to(pictures.train[0].device)


def label(depth: int, join: Join) -> str:
    """Return the name of a network in tables and figures.

    >>> label(56, "none")
    'plain-56'
    """
    return f"{'plain' if join == 'none' else 'residual'}-{depth}"
