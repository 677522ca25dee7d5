"""What trained networks do with the joins around their layers: ResNet's small changes and DenseNet's reuse."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean
from typing import final

import torch
import torch.nn.functional as F
from torch import nn

from residua.lab.fitting import Fit, fit, usual_fit
from residua.lab.networks import label, untrained
from residua.lab.samples import samples
from residua.lab.seeds import seeded, spread
from residua.look import ReuseRow, leg_sizes, reuse
from residua.nets.build import build
from residua.nets.spec import DenseNetSpec

BATCH = 256
"""Training pictures that run through the residual networks when their legs are measured."""
LAYERS = 6
"""Layers in each of the two dense blocks."""
GROWTH = 8
DECAY = 1.2
"""Weight decay times learning rate, summed over all steps. Huang et al. have 1.2: 1e-4 over 300 epochs of CIFAR."""


@final
@dataclass(frozen=True, slots=True)
class ChangeRow:
    """The branch of one block beside its shortcut: norm of what is added over norm of what it is added to.

    Attributes:
        network: its name.
        block: from 1, the nearest to the input.
        ratio: after training, a mean over the seeds.
        deviation: over the seeds.
        untrained: the ratio before training, a mean over the seeds.
    """

    network: str
    block: int
    ratio: float
    deviation: float
    untrained: float


@final
@dataclass(frozen=True, slots=True)
class SourceRow:
    """What one layer of the DenseNet takes from one source, over what it takes from the one it reads most.

    Attributes:
        block: 1 or 2.
        place: of the layer that reads, from 1; the one past the last is the transition, or the classifier.
        source: 0 for what came into the block, k for what its k-th layer gave.
        relative: mean absolute weight, over that of the source read most; a mean over the seeds.
        deviation: over the seeds.
    """

    block: int
    place: int
    source: int
    relative: float
    deviation: float


@final
@dataclass(frozen=True, slots=True)
class Changed:
    """Branch over shortcut in each block of one residual network, before and after training."""

    depth: int
    before: tuple[float, ...]
    after: tuple[float, ...]


@final
@dataclass(frozen=True, slots=True)
class Reading:
    """One trained DenseNet: what its layers read, and the cosine of its kernels with those it began with."""

    rows: tuple[ReuseRow, ...]
    memory: float


def changed(depth: int, seed: int, *, quick: bool, data: str, device: str) -> Changed:
    """Train one residual network and measure the legs of its blocks."""
    pictures = samples(data, device=device)
    images, _ = pictures.batch(BATCH)
    model = untrained(depth, "sum", pictures, seed=seed)
    # Before training a batch norm knows no statistics but those of the batch.
    before = tuple(row.ratio for row in leg_sizes(model.train(), images))
    how = usual_fit(pictures.size)
    fit(model, pictures.train, halved(how) if quick else how, seed=seed)
    return Changed(depth, before, tuple(row.ratio for row in leg_sizes(model, images)))


def change_rows(found: Sequence[Changed]) -> Iterator[ChangeRow]:
    """Walk the blocks of the residual networks, mean and deviation over the seeds."""
    for depth in sorted({one.depth for one in found}):
        runs = [one for one in found if one.depth == depth]
        for place in range(len(runs[0].after)):
            before, after = [one.before[place] for one in runs], [one.after[place] for one in runs]
            yield ChangeRow(label(depth, "sum"), place + 1, fmean(after), spread(after), fmean(before))


def read_dense(seed: int, *, quick: bool, data: str, device: str) -> Reading:
    """Train one DenseNet and read its weights."""
    pictures = samples(data, device=device)
    spec = DenseNetSpec(
        depths=(LAYERS, LAYERS),
        growth=GROWTH,
        bottleneck=False,
        compression=1.0,
        stem="cifar",
        stem_width=2 * GROWTH,
        in_channels=pictures.channels,
        classes=pictures.classes,
    )
    with seeded(seed):
        model = build(spec).to(device)
    began = kernels(model)
    how = Fit(epochs=12, batch=64)
    how = halved(how) if quick else how
    fit(model, pictures.train, forgetting(how, len(pictures.train[0])), seed=seed)
    return Reading(reuse(model), F.cosine_similarity(began, kernels(model), dim=0).item())


def kernels(model: nn.Module) -> torch.Tensor:
    """Return the weights of all convolutions as one vector."""
    layers = (part for part in model.modules() if isinstance(part, nn.Conv2d))
    return torch.cat([layer.weight.detach().flatten().double() for layer in layers])


def halved(how: Fit) -> Fit:
    """Return a training of half the epochs."""
    return replace(how, epochs=how.epochs // 2)


def forgetting(how: Fit, pictures: int) -> Fit:
    """Return a training whose weight decay adds up to that of the paper, however few its steps are.

    With the paper's rate, a training of some hundred steps leaves the weights next to where they began, and a
    map of them shows their random start: all of one size.

    >>> how = forgetting(Fit(epochs=10, batch=64, lr=0.1), 640)
    >>> round(how.weight_decay * how.lr / 2 * 100, 6)
    1.2
    """
    steps = how.epochs * (pictures // how.batch)
    return replace(how, weight_decay=DECAY / (steps * how.lr / 2))  # the cosine's mean is half its peak


def source_rows(readings: Sequence[Reading]) -> Iterator[SourceRow]:
    """Walk what each layer takes from each source, mean and deviation over the networks."""
    together = zip(*(one.rows for one in readings), strict=True)
    for number, (_, rows) in enumerate(groupby(together, key=lambda same: same[0].block), start=1):
        for same in rows:
            shares = [row.relative for row in same]
            yield SourceRow(number, same[0].place, same[0].source, fmean(shares), spread(shares))
