"""What the long skips of a U-Net are worth: trained with and without them, and each cut in the trained net.

A pixel is digit or ground here. Which digit it is, ten of the eleven classes of a scene, is for the coarsest
level to tell; it takes many times the training, and what a network gets wrong there moves regions and boundaries
alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, final

import torch
from torch import nn

from residua.data import Scenes, scenes
from residua.lab.fitting import Fit, fit
from residua.lab.seeds import seeded, spread
from residua.look import Examples, Silent, rewired
from residua.nets.build import build
from residua.nets.spec import UNetSpec
from residua.objective import (
    boundary_overlap,
    boundary_width,
    pixel_confusion,
    ratios,
    region_overlap,
)
from residua.parts import joins
from residua.types import Images, Masks

Skips = Literal["concat", "none"]
KINDS: tuple[Skips, ...] = ("concat", "none")
SIDE = 48
WIDTHS = (8, 16, 32, 64)
SIZES = tuple(SIDE >> level for level in range(len(WIDTHS) - 1))
"""Side of the pictures that each skip carries, in pixels."""
TRAIN = 800
TEST = 200
EPOCHS = 6
SHOWN = 2
"""Scenes from the front of the test whose masks are kept to be drawn."""


@final
@dataclass(frozen=True, slots=True)
class SkipRow:
    """How well a U-Net finds the digits: means over the seeds, in percent.

    Attributes:
        skips: "concat" or "none", as it was trained.
        cut: side in pixels of what the skip carried that was cut after training; None for none.
        region: intersection over union of the digits.
        region_deviation: over the seeds.
        boundary: the same of the pixels by their edge.
        boundary_deviation: over the seeds.
    """

    skips: Skips
    cut: int | None
    region: float
    region_deviation: float
    boundary: float
    boundary_deviation: float


@final
@dataclass(frozen=True, slots=True)
class Fall:
    """Points that a measure loses without the long skips: mean and deviation over the seeds."""

    region: float
    region_deviation: float
    boundary: float
    boundary_deviation: float
    beyond: float
    beyond_deviation: float


@final
@dataclass(frozen=True, slots=True)
class Overlaps:
    """The digits' region and boundary over a whole set, intersection over union in percent."""

    region: float
    boundary: float


@final
@dataclass(frozen=True, slots=True)
class Segmented:
    """What one trained U-Net finds.

    Attributes:
        skips: "concat" or "none", as it was trained.
        whole: as it was trained.
        cut: with each skip cut, from fine to coarse.
        masks: of the first test scenes, a text of 0 and 1 for each row of pixels.
    """

    skips: Skips
    whole: Overlaps
    cut: tuple[Overlaps, ...]
    masks: tuple[tuple[str, ...], ...]


def segmented(skips: Skips, seed: int, *, quick: bool, device: str) -> Segmented:
    """Train one U-Net and measure it on the whole test set."""
    drawn = scenes(side=SIDE, counts={"train": TRAIN, "test": TEST})
    train, test = (examples(drawn[name], device) for name in ("train", "test"))
    with seeded(seed):
        spec = UNetSpec(widths=WIDTHS, join=skips, norm="batch", in_channels=1, classes=2)
        model = build(spec).to(device)
    know_shares(model, train[1])
    fit(model, train, Fit(epochs=EPOCHS // 2 if quick else EPOCHS, batch=8, lr=0.01, kind="adamw"), seed=seed)
    cut = []
    for name, _ in joins(model):
        with rewired(model, {f"{name}.shortcut": Silent}):
            cut.append(overlaps(model, test))
    shown = guessed(model, test[0][:SHOWN])
    return Segmented(skips, overlaps(model, test), tuple(cut), tuple(as_text(mask) for mask in shown))


def examples(drawn: Scenes, device: str) -> Examples:
    """Return scenes as a network sees them, and where their digits are."""
    pixels = torch.from_numpy(drawn.pictures).permute(0, 3, 1, 2).float() / 255
    return ((pixels - 0.5) / 0.16).to(device), (torch.from_numpy(drawn.masks) > 0).long().to(device)


@torch.no_grad()
def know_shares(model: nn.Module, masks: Masks) -> None:
    """Let the last layer begin with how rare digits are, so that no network stays at finding none.

    Lin et al. 2017, "Focal loss for dense object detection" (arXiv:1708.02002), begin so too.
    """
    shares = torch.bincount(masks.flatten(), minlength=2) / masks.numel()
    model.get_parameter("head.bias").copy_(shares.log())


def overlaps(model: nn.Module, test: Examples) -> Overlaps:
    """Measure the digits of a whole test set."""
    images, truth = test
    guess = guessed(model, images)
    width = boundary_width(*truth.shape[1:])
    region = ratios(region_overlap(pixel_confusion(truth, guess, 2)))
    boundary = ratios(boundary_overlap(truth, guess, 2, width=width))
    return Overlaps(100 * region[1].item(), 100 * boundary[1].item())


@torch.no_grad()
def guessed(model: nn.Module, images: Images) -> Masks:
    """Return the likelier class of every pixel."""
    return torch.cat([model(some).argmax(1) for some in torch.split(images, 50)])


def as_text(mask: torch.Tensor) -> tuple[str, ...]:
    """Return a mask as short text.

    >>> as_text(torch.tensor([[0, 1], [1, 1]]))
    ('01', '11')
    """
    return tuple("".join(str(value) for value in row) for row in mask.tolist())


def skip_rows(found: Sequence[Segmented]) -> Iterator[SkipRow]:
    """Walk the networks as trained, and then the one with skips with each of them cut."""
    for skips in KINDS:
        yield skip_row(skips, None, [one.whole for one in found if one.skips == skips])
    for level, size in enumerate(SIZES):
        yield skip_row("concat", size, [one.cut[level] for one in found if one.skips == "concat"])


def skip_row(skips: Skips, cut: int | None, runs: Sequence[Overlaps]) -> SkipRow:
    """Return the mean and the deviation of some networks."""
    region, boundary = [one.region for one in runs], [one.boundary for one in runs]
    return SkipRow(skips, cut, fmean(region), spread(region), fmean(boundary), spread(boundary))


def fall(found: Sequence[Segmented]) -> Fall:
    """Return what both measures lose, each network beside that of the same seed without skips."""
    whole, without = ([one.whole for one in found if one.skips == skips] for skips in KINDS)
    pairs = list(zip(whole, without, strict=True))
    region = [full.region - bare.region for full, bare in pairs]
    boundary = [full.boundary - bare.boundary for full, bare in pairs]
    beyond = [edge - area for edge, area in zip(boundary, region, strict=True)]
    return Fall(
        *(fmean(region), spread(region)),
        *(fmean(boundary), spread(boundary)),
        *(fmean(beyond), spread(beyond)),
    )
