"""What batch norm does to a real batch: its three steps, and the noise that comes with the batch.

A batch norm subtracts from each channel its mean over the batch and divides by the deviation, and then a learned
scale and shift undo as much of it as the loss asks for. So that nothing is divided by zero, eps is added to the
variance v. It leaves a deviation of sqrt(v / (v + eps)), which is 1 only where v is far above eps.

Mean and variance are those of the pictures that happen to be in the batch. A batch of B pictures out of N, none of
them twice, has a mean whose deviation is s / sqrt(B) * sqrt((N - B) / (N - 1)), where s is that of the pictures'
own means. This is exact. The variance goes the same way with the pictures' own variances around the mean of all,
but for a part that shrinks like 1 / B. Pixels of one picture are alike, so B pictures are far fewer than B times
as many values as they have pixels.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Literal, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.look import untouched
from residua.types import Images

Step = Literal["before", "centred", "divided", "divided, with eps", "learned"]
OVER = (0, 2, 3)
"""A channel is what is left of pictures, channels, rows and columns without these."""
NO_EPS = 1e-30
"""Added to a variance, it changes none, and PyTorch asks for something above 0."""


@final
@dataclass(frozen=True, slots=True)
class StepRow:
    """The channels of one batch norm after one of its steps.

    Attributes:
        layer: name of the norm.
        step: what has been done.
        means: of each channel over the batch.
        deviations: of each channel over the batch.
    """

    layer: str
    step: Step
    means: tuple[float, ...]
    deviations: tuple[float, ...]


@final
@dataclass(frozen=True, slots=True)
class NoiseRow:
    """How much the statistics of a random batch differ from one batch to the next, and what theory says.

    Attributes:
        batch: pictures in it.
        mean: deviation of the batch's mean, in deviations of the channel; the root mean square over channels.
        expected_mean: the same from theory.
        variance: deviation of the batch's variance, in variances of the channel.
        expected_variance: the same from theory.
    """

    batch: int
    mean: float
    expected_mean: float
    variance: float
    expected_variance: float


def steps(model: nn.Module, images: Images) -> tuple[StepRow, ...]:
    """Run a batch through a network in training mode and return what each step of each batch norm makes of it.

    Args:
        model: it is left as it was.
        images: the batch.
    """
    rows: list[StepRow] = []

    def look(name: str, norm: nn.BatchNorm2d, given: tuple[Tensor, ...], answer: Tensor) -> None:
        values = given[0]
        done: dict[Step, Tensor] = {
            "before": values,
            "centred": values - values.mean(OVER, keepdim=True),
            "divided": F.batch_norm(values, None, None, training=True, eps=NO_EPS),
            "divided, with eps": F.batch_norm(values, None, None, training=True, eps=norm.eps),
            "learned": answer,
        }
        rows.extend(step_row(name, step, result.double()) for step, result in done.items())

    with untouched(model), torch.no_grad(), ExitStack() as hooks:
        model.train()
        for name, norm in norms(model):
            hooks.callback(norm.register_forward_hook(partial(look, name)).remove)
        model(images)
    return tuple(rows)


def step_row(layer: str, step: Step, values: Tensor) -> StepRow:
    """Return the mean and the deviation of each channel, without the correction for a sample: as the norm does."""
    deviations = values.var(OVER, correction=0).sqrt()
    return StepRow(layer, step, tuple(values.mean(OVER).tolist()), tuple(deviations.tolist()))


def refused() -> str:
    """Return what PyTorch says to a batch norm that gets one value a channel: minus their mean, nothing is left.

    >>> refused().startswith("Expected more than 1 value per channel when training")
    True
    """
    try:
        nn.BatchNorm2d(1)(torch.ones(1, 1, 1, 1))
    except ValueError as problem:
        return str(problem)
    return ""


def norms(model: nn.Module) -> Iterator[tuple[str, nn.BatchNorm2d]]:
    """Walk the batch norms of a model by name."""
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            yield name, module


def noise(
    model: nn.Module, images: Images, batches: Sequence[int], *, draws: int, generator: torch.Generator
) -> Iterator[NoiseRow]:
    """Draw random batches and walk how far the statistics of each norm's channels scatter, for each size.

    Args:
        model: it runs once on all pictures in evaluation mode, so that each norm is looked at alone and gets
            the same from a picture whatever its companions; it is left as it was.
        images: the pictures to draw from.
        batches: sizes, up to the number of pictures.
        draws: batches of each size.
        generator: of the draws.
    """
    means, variances = own_statistics(model, images)
    pictures = len(images)
    for batch in batches:
        chosen = torch.rand(draws, pictures, generator=generator).argsort(1)[:, :batch]
        share = torch.zeros(draws, pictures).scatter_(1, chosen, 1 / batch).to(means)
        batch_means = share @ means
        batch_variances = share @ variances - batch_means.square()
        fewer = math.sqrt((pictures - batch) / ((pictures - 1) * batch))
        yield NoiseRow(
            batch,
            scatter(batch_means),
            scatter(means) * fewer,
            scatter(batch_variances),
            scatter(variances) * fewer,
        )


def own_statistics(model: nn.Module, images: Images) -> tuple[Tensor, Tensor]:
    """Return each picture's own mean, and its variance around the mean of all, in each channel of each norm.

    Channels are scaled to a mean of 0 and a variance of 1 over all pictures, and stand side by side.
    """
    means: list[Tensor] = []
    variances: list[Tensor] = []

    def look(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        values = given[0].double()
        values = F.batch_norm(values, None, None, training=True, eps=NO_EPS)
        means.append(values.mean((2, 3)))
        variances.append(values.square().mean((2, 3)))

    with untouched(model), torch.no_grad(), ExitStack() as hooks:
        model.eval()
        for _, norm in norms(model):
            hooks.callback(norm.register_forward_pre_hook(look).remove)
        model(images)
    return torch.cat(means, 1), torch.cat(variances, 1)


def scatter(values: Tensor) -> float:
    """Return the deviation over the first dimension, the root mean square of all columns.

    >>> round(scatter(torch.tensor([[1.0, 0.0], [3.0, 0.0]])), 6)
    0.707107
    """
    return values.double().var(0, correction=0).mean().sqrt().item()
