"""The routes of a residual network: how much gradient comes by each, and that together they are all of it.

Veit et al. 2016, "Residual networks behave like ensembles of relatively shallow networks"
(arXiv:1605.06431).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor, nn

from residua.errors import BadInput
from residua.look.examples import Examples, Loss, differentiable
from residua.look.rewire import Wrapper, rewired
from residua.look.untouched import untouched
from residua.look.wrappers import NoGradient
from residua.parts import Part, joins

Leg = Literal["branch", "shortcut"]
Route = dict[str, Leg]
"""The leg taken at each join that it passes; a join inside a leg not taken is not passed."""

MOST_JOINS = 12
TOGETHER = 16
"""Routes that are followed at once: enough for a small batch to fill a core."""
OTHER: dict[Leg, Leg] = {"branch": "shortcut", "shortcut": "branch"}


@final
@dataclass(frozen=True, slots=True)
class RouteSum:
    """Whether the gradients of all routes add up to the gradient.

    Attributes:
        joins: forks in the model.
        routes: ways through them, 2^joins when none is inside another.
        relative_error: norm of the difference over the norm of the gradient.
    """

    joins: int
    routes: int
    relative_error: float


@final
@dataclass(frozen=True, slots=True)
class PathRow:
    """The gradient that comes by the routes with so many branches.

    Attributes:
        length: branches on the route; its other joins are passed by the shortcut.
        paths: how many such routes there are.
        mean_norm: of the gradient at the input by one of them, over the routes drawn.
        share_of_paths: of all routes.
        share_of_gradient: `paths` times `mean_norm`, as a share of that of all lengths.
    """

    length: int
    paths: int
    mean_norm: float
    share_of_paths: float
    share_of_gradient: float


def route_sum(model: nn.Module, examples: Examples, *, loss: Loss = F.cross_entropy) -> RouteSum:
    """Follow every route back to the input by itself, and compare the sum with the whole gradient.

    Args:
        model: made of parts, with at most 12 joins; in double precision the error shows only rounding.
        examples: inputs and targets.
        loss: from outputs and targets to one number.

    Raises:
        BadInput: more joins than can be walked.

    >>> from residua.parts import Sum
    >>> model = nn.Sequential(Sum(nn.Linear(2, 2)), Sum(nn.Linear(2, 2))).double()
    >>> found = route_sum(model, (torch.ones(1, 2).double(), torch.tensor([0])))
    >>> found.routes, found.relative_error < 1e-12
    (4, True)
    """
    names = [name for name, _ in joins(model)]
    if len(names) > MOST_JOINS:
        raise BadInput(
            f"a network of {len(names)} joins has up to {2 ** len(names):,} routes, too many to walk; "
            f"take one of at most {MOST_JOINS} joins"
        )
    whole = by_route(model, examples, loss, {})
    total, count = torch.zeros_like(whole), 0
    for route in routes(names):
        total += by_route(model, examples, loss, route)
        count += 1
    return RouteSum(len(names), count, ((total - whole).norm() / whole.norm()).item())


def gradient_by_length(
    model: nn.Module,
    examples: Examples,
    *,
    draws: int,
    generator: torch.Generator,
    loss: Loss = F.cross_entropy,
    lengths: Sequence[int] | None = None,
) -> tuple[PathRow, ...]:
    """Draw routes of each length and measure the gradient that comes by one of them.

    Args:
        model: made of parts, no join inside another; it is left as it was. In evaluation mode many routes are
            followed at once, which is several times as fast.
        examples: inputs and targets.
        draws: routes of each length, where there are so many.
        generator: where the choice comes from.
        loss: from outputs and targets to one number.
        lengths: which to measure; all if not given. The shares are among these.

    >>> from residua.parts import Sum
    >>> model = nn.Sequential(Sum(nn.Linear(2, 2)), Sum(nn.Linear(2, 2)))
    >>> examples = torch.ones(1, 2), torch.tensor([0])
    >>> [row.paths for row in gradient_by_length(model, examples, draws=1, generator=torch.Generator())]
    [1, 2, 1]
    """
    names = [name for name, _ in joins(model)]
    measured: list[tuple[int, int, float]] = []
    for length in range(len(names) + 1) if lengths is None else lengths:
        paths = math.comb(len(names), length)
        drawn: list[Route] = []
        for _ in range(min(draws, paths)):
            taken = set(torch.randperm(len(names), generator=generator)[:length].tolist())
            drawn.append({n: "branch" if place in taken else "shortcut" for place, n in enumerate(names)})
        norms = [gradient.norm().item() for gradient in by_each(model, examples, loss, drawn)]
        measured.append((length, paths, sum(norms) / len(norms)))
    gradient = sum(paths * size for _, paths, size in measured)
    return tuple(
        PathRow(length, paths, size, paths / 2 ** len(names), paths * size / gradient if gradient else 0.0)
        for length, paths, size in measured
    )


def routes(names: Sequence[str]) -> Iterator[Route]:
    """Walk all ways through some joins.

    >>> list(routes(["a", "a.branch.b"]))
    [{'a': 'branch', 'a.branch.b': 'branch'}, {'a': 'branch', 'a.branch.b': 'shortcut'}, {'a': 'shortcut'}]
    """
    if not names:
        yield {}
        return
    first, *others = names
    outside = [name for name in others if not name.startswith(f"{first}.")]
    legs: tuple[Leg, ...] = ("branch", "shortcut")
    for leg in legs:
        for inside in routes([name for name in others if name.startswith(f"{first}.{leg}.")]):
            for after in routes(outside):
                yield {first: leg} | inside | after


def by_each(model: nn.Module, examples: Examples, loss: Loss, drawn: Sequence[Route]) -> Iterator[Tensor]:
    """Walk the gradients at the input that come by some routes, each by one of them."""
    if any(part.training for part in model.modules()):
        # Samples may meet in a batch norm, and then the gradient of one route would be in that of another.
        for route in drawn:
            yield by_route(model, examples, loss, route)
    else:
        for start in range(0, len(drawn), TOGETHER):
            yield from by_several(model, examples, loss, drawn[start : start + TOGETHER])


def by_several(
    model: nn.Module, examples: Examples, loss: Loss, drawn: Sequence[Route]
) -> tuple[Tensor, ...]:
    """Return the gradients by some routes: a copy of the inputs for each, and legs that know which to pass."""
    inputs, targets = examples
    gates: dict[str, Wrapper] = {}
    for name in drawn[0]:
        takes = torch.tensor([route[name] == "branch" for route in drawn]).repeat_interleave(len(inputs))
        takes = takes.to(inputs.device)
        gates[f"{name}.branch"] = partial(Gate, passing=takes)
        gates[f"{name}.shortcut"] = partial(Gate, passing=~takes)
    with untouched(model), torch.enable_grad(), rewired(model, gates):
        leaf = differentiable(inputs.repeat(len(drawn), *[1] * (inputs.ndim - 1)))
        answers = torch.split(model(leaf), len(inputs))
        value = torch.stack([loss(answer, targets) for answer in answers]).sum()
        (gradient,) = torch.autograd.grad(value, leaf, materialize_grads=True)
    return torch.split(gradient.detach(), len(inputs))


@final
class Gate(Part):
    """Give the same, and let only the gradients of some samples through."""

    def __init__(self, part: nn.Module, passing: Bool[Tensor, " samples"]) -> None:
        super().__init__()
        self.part = part
        self.passing = passing

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.part(x)
        passing = self.passing.view(-1, *[1] * (answer.ndim - 1))
        return torch.where(passing, answer, answer.detach())


def by_route(model: nn.Module, examples: Examples, loss: Loss, route: Route) -> Tensor:
    """Return the gradient at the input that comes by one route; by all of them for an empty one."""
    inputs, targets = examples
    cuts = {f"{name}.{OTHER[leg]}": NoGradient for name, leg in route.items()}
    with untouched(model), torch.enable_grad(), rewired(model, cuts):
        leaf = differentiable(inputs)
        value = loss(model(leaf), targets)
        (gradient,) = torch.autograd.grad(value, leaf, materialize_grads=True)
    return gradient.detach()
