"""What theory says, in closed form or as a short recursion; every claim is drawn beside it."""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor


def correlation_after_relu(correlation: Tensor) -> Tensor:
    """Return E[relu(a) relu(b)] over E[relu(a)²] for Gaussian a and b of this correlation.

    The arc-cosine kernel of degree 1 (Cho & Saul 2009): 1/pi for independent inputs, 1 for equal ones.

    >>> correlation_after_relu(torch.tensor([0.0, 1.0]))
    tensor([0.3183, 1.0000])
    """
    clipped = correlation.clamp(-1, 1)
    angle = torch.arccos(clipped)
    return (torch.sin(angle) + (math.pi - angle) * clipped) / math.pi


@final
@dataclass(frozen=True, slots=True)
class Spread:
    """What theory expects after some adds, for the units of a network whose inputs have variance 1."""

    second_moment: float
    unit_variance: float


def adds(count: int, *, taps: Float[Tensor, "taps places places"], norm: bool) -> tuple[Spread, ...]:
    """Return what `count` residual adds make of independent Gaussian inputs of variance 1.

    Each branch is (norm,) ReLU and one layer with He's weights, whose output at a place is the mean, over its
    taps, of what relu leaves. Two numbers travel: the second moment at each place, and the covariance of two
    different samples at each pair of places, which is what the mean of a unit over the batch is made of.
    The batch variance of a unit is their difference, so it grows more slowly than the second moment.

    Args:
        count: of adds; the answer has one more row, the input's.
        taps: for each tap of the layer, which place it reads for which: `shifts` makes them.
        norm: a batch norm opens each branch, over samples and places.

    >>> [round(row.second_moment, 3) for row in adds(2, taps=shifts(1, kernel=1, circular=False), norm=False)]
    [1.0, 2.0, 4.0]
    """
    places = taps.shape[1]
    moment, shared = torch.ones(places), torch.zeros(places, places)
    rows = [Spread(1.0, 1.0)]
    for _ in range(count):
        seen, common = (standardised(moment, shared)) if norm else (moment, shared)
        scale = torch.sqrt(torch.outer(seen, seen))
        common = scale * correlation_after_relu(common / scale)
        moment = moment + (taps @ seen).mean(0)
        shared = shared + (taps @ common @ taps.mT).mean(0)
        rows.append(Spread(moment.mean().item(), (moment - shared.diagonal()).mean().item()))
    return tuple(rows)


def standardised(moment: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
    """Return second moments and covariances after the mean and deviation of each channel are taken out."""
    mean_square, beside = shared.mean(), shared.mean(0)
    variance = moment.mean() - mean_square
    centred = shared - beside[:, None] - beside[None, :] + mean_square
    return (moment - 2 * beside + mean_square) / variance, centred / variance


def shifts(side: int, *, kernel: int, circular: bool) -> Float[Tensor, "taps places places"]:
    """Return, for each tap of a square kernel, the matrix that moves a picture of `side` × `side` by it.

    Args:
        side: in pixels; 1 with a kernel of 1 is a fully connected layer.
        kernel: side of the kernel in pixels.
        circular: what leaves on one side comes in on the other; else zeros come in.

    >>> shifts(8, kernel=3, circular=True).shape
    torch.Size([9, 64, 64])
    """
    reach = range(-(kernel // 2), kernel // 2 + 1)
    one = {step: shifted(side, step, circular=circular) for step in reach}
    return torch.stack([torch.kron(one[down], one[right]) for down in reach for right in reach])


def shifted(side: int, step: int, *, circular: bool) -> Tensor:
    """Return the matrix that reads, for each place of a line, the place `step` further on."""
    if circular:
        return torch.eye(side).roll(step, dims=1)
    return torch.diag(torch.ones(side - abs(step)), step)
