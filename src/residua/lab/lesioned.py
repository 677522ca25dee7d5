"""One network of the ensemble claim: trained, then measured with parts of it taken out or moved."""

from dataclasses import dataclass, replace
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.lab.fitting import error, fit, usual_fit
from residua.lab.networks import Join, untrained
from residua.lab.samples import Samples, samples
from residua.look import (
    Bypassed,
    LesionRow,
    PathRow,
    SwapRow,
    delete_each,
    delete_some,
    gradient_by_length,
    swap,
)
from residua.parts import joins
from residua.types import Labels

DRAWS = 10
ROUTES = 60
"""Draws of sets and orders of blocks for each number, and of paths for each length, which differ more."""
PICTURES = 16
"""Training pictures whose gradient is followed along the paths."""


@final
@dataclass(frozen=True, slots=True)
class Task:
    """One network to train and to measure.

    Attributes:
        join: "none" for a plain network.
        depth: its layers.
        seed: of its weights, its pictures' order and what is drawn afterwards.
        quick: train for half the epochs, and draw less.
        data: what to learn.
        device: where to compute.
    """

    join: Join
    depth: int
    seed: int
    quick: bool
    data: str
    device: str


@final
@dataclass(frozen=True, slots=True)
class Lesioned:
    """What one trained network loses; changes are in points of test error.

    Attributes:
        error: of the whole network on the test pictures, in percent.
        removed: without each block of a residual network, or without each layer of a plain one.
        recounted: the same, where every batch norm counts mean and deviation again on what it now gets.
        several: without several blocks at once; empty for a plain network, as are the next two.
        swapped: with blocks in other places.
        paths: the gradient by the length of its path.
    """

    error: float
    removed: tuple[LesionRow, ...]
    recounted: tuple[LesionRow, ...]
    several: tuple[LesionRow, ...] = ()
    swapped: tuple[SwapRow, ...] = ()
    paths: tuple[PathRow, ...] = ()


def lesioned(task: Task) -> Lesioned:
    """Train one network and measure what its parts are worth."""
    pictures = samples(task.data, device=task.device)
    model = untrained(task.depth, task.join, pictures, seed=task.seed)
    how = usual_fit(pictures.size)
    fit(
        model,
        pictures.train,
        replace(how, epochs=how.epochs // 2) if task.quick else how,
        seed=task.seed,
    )
    return without_layers(model, pictures) if task.join == "none" else without_blocks(model, pictures, task)


def without_layers(model: nn.Module, pictures: Samples) -> Lesioned:
    """Take the layers out of a plain network, one at a time."""
    score, recount = Misses(pictures), Misses(pictures, recount=True)
    names = layers(model)
    return Lesioned(
        error=score(model),
        removed=delete_each(model, score, blocks=names, wrapper=Bypassed),
        recounted=delete_each(model, recount, blocks=names, wrapper=Bypassed),
    )


def without_blocks(model: nn.Module, pictures: Samples, task: Task) -> Lesioned:
    """Take blocks out of a residual network, move them, and follow the gradient along its paths."""
    score, recount = Misses(pictures), Misses(pictures, recount=True)
    generator = torch.Generator().manual_seed(task.seed)
    draws, routes = (3, 20) if task.quick else (DRAWS, ROUTES)
    blocks = len(list(joins(model)))
    numbers = [2**power for power in range(blocks.bit_length()) if 2**power < blocks]
    swaps = numbers if blocks > 3 else []  # with one block a stage no two have the same shape
    return Lesioned(
        error=score(model),
        removed=delete_each(model, score),
        recounted=delete_each(model, recount),
        several=delete_some(model, score, numbers, draws=draws, generator=generator),
        swapped=swap(model, score, swaps, draws=draws, generator=generator),
        paths=gradient_by_length(
            model, pictures.batch(PICTURES), draws=routes, generator=generator, loss=enlarged
        ),
    )


@final
@dataclass(frozen=True, slots=True)
class Misses:
    """The test error of a model in percent: a score for the instruments.

    Attributes:
        pictures: with what to test.
        recount: let each batch norm use mean and deviation of the test pictures in place of those it has kept.
    """

    pictures: Samples
    recount: bool = False

    def __call__(self, model: nn.Module) -> float:
        model.train(self.recount)
        found = error(model, self.pictures.test)
        model.eval()
        return found


def enlarged(outputs: Tensor, labels: Labels) -> Tensor:
    """Return a loss so large that no gradient of a long path has squares that single precision takes for 0."""
    return F.cross_entropy(outputs, labels) * 2**50


def layers(model: nn.Module) -> list[str | tuple[str, ...]]:
    """Return the layers of a plain network that keep the shape, each a convolution and its norm.

    The ReLU behind them may stay: what another ReLU has passed it leaves as it is.

    >>> from residua.parts import Chain
    >>> layers(Chain(conv1=nn.Conv2d(1, 8, 3), conv2=nn.Conv2d(8, 8, 3)))
    [('conv2', 'norm2')]
    """
    return [
        (name, name.replace("conv", "norm"))
        for name, part in model.named_modules()
        if isinstance(part, nn.Conv2d) and part.in_channels == part.out_channels and part.stride == (1, 1)
    ]
