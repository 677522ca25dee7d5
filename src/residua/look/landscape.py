"""The loss around a set of weights, along directions that fit the size of each filter.

Li et al. 2018, "Visualizing the loss landscape of neural nets" (arXiv:1712.09913).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from residua.look.examples import Examples, Loss
from residua.look.untouched import untouched

Direction = dict[str, Tensor]
"""For each weight by its name, what one unit along the direction adds to it."""


def filter_normalised(model: nn.Module, generator: torch.Generator) -> Direction:
    """Return a random direction whose every filter has the norm of the model's own filter.

    Without this the picture shows the scale of the weights, which a norm layer makes meaningless. Biases and the
    weights of norms do not move, as in the paper.

    >>> layer = nn.Linear(3, 2)
    >>> direction = filter_normalised(layer, torch.Generator())
    >>> torch.allclose(direction["weight"].norm(dim=1), layer.weight.norm(dim=1))
    True
    """
    direction: Direction = {}
    for name, weight in model.named_parameters():
        if weight.ndim <= 1:
            direction[name] = torch.zeros_like(weight)
            continue
        # Drawn on the processor, so that a GPU sees the same direction.
        drawn = torch.randn(weight.shape, generator=generator).to(weight)
        filters = drawn.flatten(1)
        scale = weight.detach().flatten(1).norm(dim=1) / filters.norm(dim=1).clamp_min(1e-12)
        direction[name] = (filters * scale[:, None]).view_as(weight)
    return direction


def slice_along(
    model: nn.Module,
    examples: Examples,
    direction: Direction,
    positions: Sequence[float],
    *,
    loss: Loss = F.cross_entropy,
) -> tuple[float, ...]:
    """Return the loss at positions along a line through the weights; 0 is where the model is.

    The model runs in the mode that it is in: in training mode a batch norm uses the batch, as training does.

    Args:
        model: any; it is left as it was.
        examples: inputs and targets.
        direction: from `filter_normalised`.
        positions: how far to go.
        loss: from outputs and targets to one number.

    >>> layer = nn.Linear(2, 2)
    >>> examples = torch.ones(1, 2), torch.tensor([0])
    >>> len(slice_along(layer, examples, filter_normalised(layer, torch.Generator()), [-1, 0, 1]))
    3
    """
    return tuple(loss_at(model, examples, [(direction, place)], loss) for place in positions)


def surface(
    model: nn.Module,
    examples: Examples,
    directions: tuple[Direction, Direction],
    positions: Sequence[float],
    *,
    loss: Loss = F.cross_entropy,
) -> tuple[tuple[float, ...], ...]:
    """Return the loss on a square grid spanned by two directions: one row for each position along the second.

    Args:
        model: any, in the mode that it is in; it is left as it was.
        examples: inputs and targets.
        directions: of the columns and of the rows.
        positions: along either.
        loss: from outputs and targets to one number.
    """
    across, along = directions
    return tuple(
        tuple(loss_at(model, examples, [(across, x), (along, y)], loss) for x in positions) for y in positions
    )


@torch.no_grad()
def loss_at(
    model: nn.Module, examples: Examples, moves: Sequence[tuple[Direction, float]], loss: Loss
) -> float:
    """Return the loss after some moves from the model's weights; the weights themselves are not written to."""
    inputs, targets = examples
    moved = {}
    for name, weight in model.named_parameters():
        moved[name] = weight + sum(place * direction[name] for direction, place in moves)
    with untouched(model):
        return float(loss(functional_call(model, moved, (inputs,)), targets).item())


def roughness(losses: Sequence[float]) -> float:
    """Return the total variation of log(1 + loss) along a slice over its net rise.

    The net rise is from the lowest point to both ends, so a slice with one valley has 1 and every further hill
    adds to it.

    >>> roughness([3.0, 1.0, 0.0, 1.0, 3.0]), roughness([3.0, 0.0, 3.0, 0.0, 3.0])
    (1.0, 2.0)
    """
    heights = [math.log1p(loss) for loss in losses]
    variation = sum(abs(later - earlier) for earlier, later in pairwise(heights))
    rise = heights[0] + heights[-1] - 2 * min(heights)
    return variation / rise if rise else math.nan


def local_minima(losses: Sequence[float]) -> int:
    """Return the number of points along a slice that are lower than both neighbours.

    >>> local_minima([3.0, 0.0, 3.0, 0.0, 3.0])
    2
    """
    triples = zip(losses, losses[1:], losses[2:], strict=False)
    return sum(left > middle < right for left, middle, right in triples)
