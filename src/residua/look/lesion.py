"""What a network loses when blocks are taken out of it or change places (Veit et al. 2016, arXiv:1605.06431)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import final

import torch
from torch import nn

from residua.look.rewire import Wrapper, rewired
from residua.look.untouched import untouched
from residua.look.wrappers import Silent
from residua.parts import Join, joins

Score = Callable[[nn.Module], float]
"""How well or badly a model does; an error in percent, say. It must not train the model."""


@final
@dataclass(frozen=True, slots=True)
class LesionRow:
    """What some blocks are worth.

    Attributes:
        blocks: the names of what was taken out, or moved.
        score: without them.
        change: that, less the score of the whole network.
    """

    blocks: tuple[str, ...]
    score: float
    change: float


def delete_each(
    model: nn.Module,
    score: Score,
    *,
    blocks: Sequence[str | tuple[str, ...]] | None = None,
    wrapper: Wrapper = Silent,
) -> tuple[LesionRow, ...]:
    """Take out each block in its turn, and score what is left.

    Args:
        model: any; it is left as it was.
        score: called with the whole model and with each lesioned one.
        blocks: names of parts, or groups of names that go together, such as a convolution and its norm; all
            joins if not given.
        wrapper: how a part is taken out: `Silent` leaves a join its shortcut; `Bypassed` is for the layers of a
            plain net that keep the shape.

    Raises:
        UnknownName: the model has no part of such a name.

    >>> from residua.parts import Sum
    >>> model = nn.Sequential(Sum(nn.Identity()), Sum(nn.Identity()))
    >>> [row.change for row in delete_each(model, lambda m: m(torch.ones(1, 1)).item())]
    [-2.0, -2.0]
    """
    names = all_joins(model) if blocks is None else blocks
    groups = [(name,) if isinstance(name, str) else name for name in names]
    return lesions(model, score, groups, wrapper)


def delete_some(
    model: nn.Module,
    score: Score,
    counts: Sequence[int],
    *,
    draws: int,
    generator: torch.Generator,
    blocks: Sequence[str] | None = None,
    wrapper: Wrapper = Silent,
) -> tuple[LesionRow, ...]:
    """Take out several blocks at once, drawn at random.

    Args:
        model: any; it is left as it was.
        score: called with the whole model and with each lesioned one.
        counts: how many to take out.
        draws: how often for each count.
        generator: where the choice comes from.
        blocks: names to draw from; all joins if not given.
        wrapper: how a part is taken out.

    >>> from residua.parts import Sum
    >>> model = nn.Sequential(Sum(nn.Identity()), Sum(nn.Identity()))
    >>> score = lambda m: m(torch.ones(1, 1)).item()
    >>> [row.score for row in delete_some(model, score, [1, 2], draws=1, generator=torch.Generator())]
    [2.0, 1.0]
    """
    names = all_joins(model) if blocks is None else list(blocks)
    chosen = []
    for count in counts:
        for _ in range(draws):
            order = torch.randperm(len(names), generator=generator)[:count].tolist()
            chosen.append(tuple(names[place] for place in sorted(order)))
    return lesions(model, score, chosen, wrapper)


def lesions(
    model: nn.Module, score: Score, chosen: Sequence[tuple[str, ...]], wrapper: Wrapper
) -> tuple[LesionRow, ...]:
    """Return a row for each set of blocks that is taken out."""
    with untouched(model):
        whole = score(model)
        rows = []
        for names in chosen:
            with rewired(model, dict.fromkeys(names, wrapper)):
                left = score(model)
            rows.append(LesionRow(names, left, left - whole))
    return tuple(rows)


def all_joins(model: nn.Module) -> list[str]:
    """Return the names of the joins in the order in which the model defines them."""
    return [name for name, _ in joins(model)]


@final
@dataclass(frozen=True, slots=True)
class SwapRow:
    """What it costs that blocks change places.

    Attributes:
        swaps: pairs of neighbours in the drawing that changed places.
        kendall: rank correlation of the new order with the old, over all pairs of blocks; 1 is the old order.
        score: in the new order.
        change: that, less the score in the old order.
    """

    swaps: int
    kendall: float
    score: float
    change: float


def swap(
    model: nn.Module, score: Score, swaps: Sequence[int], *, draws: int, generator: torch.Generator
) -> tuple[SwapRow, ...]:
    """Exchange the branches of joins of the same shape, at random, and score the new order.

    Args:
        model: made of parts; it is left as it was.
        score: called with the model in each order.
        swaps: how many exchanges to make, each of two branches with weights of the same shapes.
        draws: how often for each number.
        generator: where the choice comes from.

    >>> from residua.parts import Sum
    >>> model = nn.Sequential(Sum(nn.Identity()), Sum(nn.Identity()))
    >>> swap(model, lambda m: 0.0, [1], draws=1, generator=torch.Generator())
    (SwapRow(swaps=1, kendall=-1.0, score=0.0, change=0.0),)
    """
    forks = dict(joins(model))
    names = list(forks)
    alike = [
        (a, b)
        for a, b in combinations(range(len(names)), 2)
        if shapes(forks[names[a]]) == shapes(forks[names[b]])
    ]
    rows = []
    with untouched(model):
        whole = score(model)
        for count in swaps:
            for _ in range(draws):
                order = list(range(len(names)))
                for pick in torch.randint(len(alike), (count,), generator=generator).tolist():
                    one, other = alike[pick]
                    order[one], order[other] = order[other], order[one]
                with rewired(
                    model,
                    {name: replaced(forks[names[o]].branch) for name, o in zip(names, order, strict=True)},
                ):
                    new = score(model)
                rows.append(SwapRow(count, kendall(order), new, new - whole))
    return tuple(rows)


def replaced(part: nn.Module) -> Wrapper:
    """Return the wrapper that puts `part` in place of whatever is there."""
    return lambda _: part


def shapes(join: Join) -> list[tuple[str, torch.Size]]:
    """Return the names and shapes of the weights of a branch."""
    return [(name, weight.shape) for name, weight in join.branch.named_parameters()]


def kendall(order: Sequence[int]) -> float:
    """Return Kendall's rank correlation of an order with the sorted one.

    >>> kendall([0, 1, 2]), kendall([2, 1, 0])
    (1.0, -1.0)
    """
    agreeing = sum(1 if early < late else -1 for early, late in combinations(order, 2))
    return agreeing / math.comb(len(order), 2)
