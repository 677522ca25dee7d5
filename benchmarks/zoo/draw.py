"""What network has which number: family, pictures, depth, norm, activation, start and, now and then, a bad habit."""

import random
from dataclasses import dataclass
from typing import Final, Literal, final

from benchmarks.zoo.pictures import PICTURES, Kind, Pictures

Family = Literal[
    "plain",
    "preact",
    "resnet",
    "convnext",
    "dense",
    "unet",
    "mlp",
    "torchvision",
    "transformer",
    "timm",
]
SETTING: Final[tuple[Family, ...]] = ("plain", "resnet", "dense", "mlp", "transformer")
"""Families whose networks set the weights and the thresholds."""
KEPT: Final[tuple[Family, ...]] = ("preact", "convnext", "unet", "torchvision", "timm")
"""Families whose networks are looked at afterwards, once."""
FAMILIES: Final[tuple[Family, ...]] = (*SETTING, *KEPT)

ACTIVATIONS: Final = ("relu", "leaky", "gelu", "silu", "tanh", "sigmoid")
STARTS: Final = ("default", "he", "glorot", "orthogonal", "small", "large")
DEEPEST: Final[dict[Family, int]] = {"transformer": 16, "convnext": 16, "mlp": 40, "unet": 24}
NORMS: Final[dict[Family, tuple[str, ...]]] = {
    "transformer": ("layer", "layer", "none"),
    "convnext": ("layer", "none"),
    "mlp": ("layer", "none", "batch"),
    "torchvision": ("own", "own", "none"),
    "timm": ("own", "own", "none"),
}


@final
@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for one network.

    Attributes:
        number: of the network; everything else depends on it.
        family: of the network.
        depth: layers, or blocks of two where the family has blocks.
        norm: "own" for what the definition of a package has.
        activation: "own" for what the definition of a package has.
        start: how the first weights are drawn.
        zero: begin the branches, or the head, at zero.
        pictures: to train on.
    """

    number: int
    family: Family
    depth: int
    norm: str
    activation: str
    start: str
    zero: bool
    pictures: Kind = "digits"

    @property
    def on(self) -> Pictures:
        """The pictures themselves."""
        return PICTURES[self.pictures]


def draw(number: int) -> Drawn:
    """Return what network of this number is; families take turns.

    >>> draw(7).family, draw(7) == draw(7)
    ('unet', True)
    """
    family = FAMILIES[number % len(FAMILIES)]
    dice = random.Random(number)
    package = family in ("torchvision", "timm")
    depth = round(4 * (DEEPEST.get(family, 60) / 4) ** dice.random())
    kinds: tuple[Kind, ...] = ("photos32",) if package else ("digits", "digits", "photos16")
    return Drawn(
        number=number,
        family=family,
        depth=max(1, depth),
        norm=dice.choice(NORMS.get(family, ("batch", "none", "group"))),
        activation=own_or(dice, package),
        start=dice.choices(STARTS, (6, 0, 0, 0, 1, 1) if package else (3, 3, 1, 1, 1, 1))[0],
        zero=dice.random() < 0.2 and not package,
        pictures="scenes" if family == "unet" else dice.choice(kinds),
    )


def own_or(dice: random.Random, package: bool) -> str:
    """Return an activation; in networks of packages mostly their own."""
    drawn = dice.choices(ACTIVATIONS, (4, 1, 2, 1, 2, 1))[0]
    return "own" if package and dice.random() < 0.75 else drawn
