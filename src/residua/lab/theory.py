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


def gradients_of_plain(depth: int) -> float:
    """Return the correlation of a plain network's gradients at two independent inputs: 2^-depth.

    Of the units that are on for one input half are on for the other, if each is centred (Balduzzi et al. 2017,
    arXiv:1702.08591, theorem 1).
    """
    return 0.5**depth


def gradients_of_residual(depth: int) -> float:
    """Return the same for a residual network without norm, centred: (3/4)^depth (theorem 2 of that paper).

    The shortcut's half of the gradient is the same at both inputs, the branch's half has correlation 1/2.
    """
    return 0.75**depth


def gradients_of_normed(depth: int, *, beta: float = 1.0, growth: float = 1 - 1 / math.pi) -> float:
    """Return the same for a residual network with a batch norm at the start of each branch.

    A branch's share of the gradient shrinks as the variance of the stream grows, so the correlation falls like
    a power of the depth. The paper's 1/sqrt(depth) takes the second moment, which grows by 1 a block; what a
    batch norm divides by is the variance over the batch, which grows by 1 - 1/pi, and the power is -0.73.

    Args:
        depth: blocks.
        beta: what each branch is multiplied by.
        growth: of the variance with each block, for beta = 1.

    >>> round(math.log(gradients_of_normed(2000) / gradients_of_normed(1000), 2), 2)
    -0.73
    >>> round(math.log(gradients_of_normed(2000, growth=1) / gradients_of_normed(1000, growth=1), 2), 2)
    -0.5
    """
    variances = (1 + beta**2 * growth * block for block in range(depth))
    shares = (beta**2 / variance for variance in variances)
    return math.prod((1 + share / 2) / (1 + share) for share in shares)


PLAIN_GROWTH = math.sqrt(math.pi / (math.pi - 1))
"""How much the norm of the gradient grows with each layer of a plain network with batch norm: 1.211.

After relu a unit of second moment 1/2 has the variance (1 - 1/pi)/2; the norm divides by it, forward and back.
"""


def gradient_in_residual(block: int, blocks: int) -> float:
    """Return the norm of the gradient after one block of a residual network with batch norm, over that at its end.

    Each block after it adds to the second moment of the gradient one over the variance of the stream, which
    grows by 1 - 1/pi a block: together a power of the depth.

    >>> gradient_in_residual(24, 24)
    1.0
    """
    variances = (1 + (1 - 1 / math.pi) * place for place in range(block, blocks))
    return math.sqrt(math.prod(1 + 1 / variance for variance in variances))
