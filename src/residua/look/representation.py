"""What a network still knows of its inputs after each part: in how many directions samples differ, and which."""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from residua.look.visit import Measure, visit

FEATURES = 4096
"""Of a sample, drawn once for each part that has more: enough for the angles between samples."""


@final
@dataclass(frozen=True, slots=True)
class RepresentationRow:
    """How the samples of a batch lie to one another after one part, in the order of the run.

    Attributes:
        position: 0 for the part that ran first.
        name: of the part in the model.
        kind: its class.
        rank: effective number of directions in which the samples differ (Roy & Vetterli 2007: the exponential
            of the entropy of the singular values), as a share of the most there could be; 0 if they are all alike.
        similarity: of the distances between samples to those between the inputs, from 0 to 1: linear centred
            kernel alignment (Kornblith et al. 2019, arXiv:1905.00414).
        spread: share of the second moment that differs from sample to sample; 0 if they are all alike.
    """

    position: int
    name: str
    kind: str
    rank: float
    similarity: float
    spread: float


@torch.no_grad()
def representation(
    model: nn.Module, inputs: Tensor, *, only: type[nn.Module] | None = None
) -> tuple[RepresentationRow, ...]:
    """Run a batch through any model and compare its samples after each layer and each join.

    The model runs in the mode that it is in. A part whose output has not one row a sample has no row.

    Args:
        model: any module; it is left as it was.
        inputs: a batch of three samples at least, samples first.
        only: measure parts of this class alone; without it the joins and every module that holds no other.

    >>> rows = representation(nn.Sequential(nn.Flatten()), torch.eye(4)[:, None])
    >>> [(round(row.rank, 3), round(row.similarity, 3), round(row.spread, 3)) for row in rows]
    [(1.0, 1.0, 0.75)]
    """
    compare = comparing(inputs)
    rows = visit(model, inputs, compare, only=only)
    return tuple(row for row in rows if row is not None)


def comparing(inputs: Tensor) -> Measure[RepresentationRow | None]:
    """Return the measure that compares the samples after a part with those of the inputs; None where it cannot."""
    before = centred_products(inputs)[0]

    def compare(position: int, name: str, module: nn.Module, output: Tensor) -> RepresentationRow | None:
        if len(output) != len(inputs):
            return None
        return representation_row(position, name, module, output, before)

    return compare


def representation_row(
    position: int, name: str, module: nn.Module, output: Tensor, before: Tensor
) -> RepresentationRow:
    """Return the row of one output, given the products of the inputs."""
    products, spread = centred_products(output)
    together = (products * before).sum()
    alone = products.norm() * before.norm()
    return RepresentationRow(
        position=position,
        name=name,
        kind=type(module).__name__,
        rank=effective_rank(products),
        similarity=(together / alone).item() if alone > 0 else 0.0,
        spread=spread,
    )


def centred_products(output: Tensor) -> tuple[Tensor, float]:
    """Return the products between the samples, centred and of largest value 1, and what share they differ by."""
    features = output.detach().reshape(len(output), -1)  # one number a sample, too
    if features.shape[1] > FEATURES:
        generator = torch.Generator().manual_seed(features.shape[1])
        drawn = torch.randint(features.shape[1], (FEATURES,), generator=generator)
        features = features[:, drawn.to(features.device)]
    features = features.double()
    largest = features.abs().max()
    if not torch.isfinite(largest) or largest == 0:
        return features.new_zeros(len(features), len(features)), 0.0
    features = features / largest  # squares of very small or very large values would not be finite
    centred = features - features.mean(0)
    products = centred @ centred.mT
    whole = features.square().sum()
    return products, (products.trace() / whole).clamp(0, 1).item()


def effective_rank(products: Tensor) -> float:
    """Return the exponential of the entropy of the singular values, over the most there could be.

    >>> round(effective_rank(torch.eye(3).double() - 1 / 3), 3), effective_rank(torch.zeros(3, 3))
    (1.0, 0.0)
    """
    values = torch.linalg.eigvalsh(products).clamp_min(0).sqrt()
    # Rounding leaves something along the direction that centring took out.
    values = values.where(values > 1e-7 * values.max(), torch.zeros(()).to(values))
    total = values.sum()
    if total == 0:
        return 0.0
    shares = values / total
    return math.exp(torch.special.entr(shares).sum().item()) / (len(products) - 1)
