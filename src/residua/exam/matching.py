"""Whether labels fit the inputs that they stand beside, as far as neighbours tell without a network."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from residua.exam.pieces import pieces

FEWEST_LABELS = 100
"""Samples from which chance and a hard problem can be told apart by their neighbours."""
MOST_LABELS = 1000
"""Samples that are compared at most: each with every other."""
WEAK, WEAK_APART = 0.13, 0.25
"""Share of the way from chance to certainty by which neighbours agree where targets follow inputs, at the least.

What lies between the pixels of two pictures, or the points of two sets, says less of them than what lies between rows
of a table: cats and dogs in photos of 32 pixels come to .1.
"""
TOLD = 2.5
"""Deviations that so much must come to, or there are too few samples to say anything."""
PAIRED = 1 / 3
"""Share of the samples that have another one with their label, below which neighbours cannot agree."""
SHUFFLES = 64
RIDGE = 0.1
"""What is added to the diagonal, over its mean."""


def alike(samples: Tensor, targets: Tensor) -> float:
    """Return the share of the samples that are copies of another one whose targets are not the same.

    >>> alike(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1])), alike(torch.zeros(4, 2), torch.tensor([1, 1, 1, 1]))
    (0.75, 0.0)
    """
    _, which = torch.unique(samples, dim=0, return_inverse=True)
    kinds = int(which.max()) + 1
    pairs = torch.cat([which[:, None].double(), targets.reshape(len(targets), -1).double()], dim=1)
    answers = torch.unique(pairs, dim=0)[:, 0].long()
    contradicted = torch.bincount(answers, minlength=kinds) > 1
    copies = torch.bincount(which, minlength=kinds) - 1
    return copies[contradicted].sum().item() / len(samples)


def agreement(inputs: Tensor, targets: Tensor) -> float | None:
    """Return how much more often than by chance samples near to one another have the same label, in deviations.

    The nearest other sample alone, or all together, the near ones more, and of pictures those that hold the same pieces
    anywhere: whichever says most. Of targets that are numbers: how much nearer they are to those of the nearest other
    sample than to those of any. None where there are too few samples to say anything, or where what they should have in
    common is shared by hardly two of them.

    >>> inputs = torch.arange(200.0)[:, None]
    >>> agreement(inputs, (inputs[:, 0] > 99).long()) > 10, agreement(inputs, inputs.sin()) > 5
    (True, True)
    """
    inputs, targets = inputs[:MOST_LABELS], targets[:MOST_LABELS]
    if len(targets) < FEWEST_LABELS or not bool(torch.isfinite(targets).all()):
        return None
    if targets.is_floating_point() or targets.ndim > 1:
        return nearness(inputs, targets.float().reshape(len(targets), -1))
    chance = by_chance(targets)
    if chance is None:
        return None
    labels, spread = targets.long(), math.sqrt(chance * (1 - chance) / len(targets))
    weak = WEAK if inputs.ndim > 2 else WEAK_APART
    if weak * (1 - chance) < TOLD * spread:
        return None
    apart = distances(inputs)
    same = (labels[nearest(apart)] == labels).double().mean().item()
    found = [float(same - chance) / spread, foretold(apart, labels)]
    if inputs.ndim == 4:
        held = pieces(inputs)
        found.append(foretold(torch.cdist(held, held), labels))
    return max(found)


def by_chance(labels: Tensor) -> float | None:
    """Return the share of all pairs that have one label; None where it is next to none, or next to all."""
    sizes, count = torch.unique(labels, return_counts=True)[1], len(labels)
    chance = (sizes * (sizes - 1)).sum().item() / (count * (count - 1))
    return None if sizes[sizes > 1].sum() < PAIRED * count or chance > 0.9 else chance


def foretold(apart: Tensor, labels: Tensor) -> float:
    """Return by how many deviations labels are foretold better from all other samples than shuffled ones are.

    By the ridge that a row of distances makes of them, each sample left out in turn (kernel ridge regression, its
    width the middle distance), so that many weak signs add up where no neighbour is near.

    >>> inputs = torch.randn(128, 40, generator=torch.Generator().manual_seed(0))
    >>> foretold(torch.cdist(inputs, inputs), (inputs[:, :8].sum(1) > 0).long()) > 3
    True
    """
    near = torch.exp(-0.5 * (apart / apart.median().clamp_min(1e-12)).square())
    near = near - near.mean(0) - near.mean(1, keepdim=True) + near.mean()
    flat = RIDGE * near.diagonal().mean().clamp_min(1e-12) * torch.eye(len(near), device=near.device)
    smooth = torch.linalg.solve(near + flat, near)
    kept = smooth.diagonal()[:, None]
    wanted = F.one_hot(torch.unique(labels, return_inverse=True)[1]).to(smooth)
    wanted = wanted - wanted.mean(0)

    def right(answers: Tensor) -> Tensor:
        told = (smooth @ answers - kept * answers) / (1 - kept)
        found: Tensor = (told * answers).sum() / told.norm().clamp_min(1e-12)
        return found

    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(labels), generator=generator).to(labels.device) for _ in range(SHUFFLES)]
    chance = torch.stack([right(wanted[order]) for order in orders])
    return ((right(wanted) - chance.mean()) / chance.std().clamp_min(1e-12)).item()


def nearness(inputs: Tensor, targets: Tensor) -> float | None:
    """Return by how many deviations targets are nearer to those of the nearest other sample than shuffled ones are.

    Some samples are the nearest to many, so what shuffled ones do is tried and not reckoned.
    """
    if inputs[0].numel() > len(inputs):  # in so many directions hardly anything is near
        return None
    apart, beside = torch.cdist(targets, targets), nearest(distances(inputs))
    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(apart), generator=generator).to(apart.device) for _ in range(SHUFFLES)]
    chance = torch.stack([apart[order, order[beside]].mean() for order in orders])
    spread = chance.std().item()
    own = apart.gather(1, beside[:, None]).mean()
    return (chance.mean() - own).item() / spread if spread else None


def distances(inputs: Tensor) -> Tensor:
    """Return how far each sample is from each other, of pictures at 16 pixels a side.

    >>> distances(torch.tensor([[0.0], [3.0]]))
    tensor([[0., 3.],
            [3., 0.]])
    """
    pictures = F.adaptive_avg_pool2d(inputs, min(16, *inputs.shape[-2:])) if inputs.ndim == 4 else inputs
    features = pictures.reshape(len(pictures), -1)
    return torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")


def nearest(apart: Tensor) -> Tensor:
    """Return which other sample is nearest to each.

    >>> nearest(distances(torch.tensor([[0.0], [1.0], [5.0]])))
    tensor([1, 0, 1])
    """
    # Two copies of one sample say nothing of the labels.
    return apart.masked_fill(apart < 1e-4 * apart.mean(), torch.inf).argmin(1)
