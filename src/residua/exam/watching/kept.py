"""Weights that stand still: a few of them as they once were, and those that an optimiser does not hold."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Final, final

import torch
from torch import Tensor, nn

from residua.exam.cause import Cause
from residua.look.gradients import as_numbers

FEW: Final = 2
"""Weights that are kept, the smallest, and as many matrices: a scale of 1 in half precision may stay 1 at each step."""
SAMPLED: Final = 2**16
"""Numbers of a weight that are kept, about, from all over it: of a table of words no step moves every row."""
FULL: Final = 4
"""Bytes of a number from which on no usual step is lost in rounding."""
LONG: Final = 8
"""Steps in which another optimiser, if there is one, has taken its own."""
MISSES: Final = "optimiser misses parameters"


@final
class Kept:
    """A few weights as they were: how often gradients have come to them since, and whether anything has moved them.

    Args:
        weights: by name, of which the smallest are kept.
        since: the step before which they were so.

    Attributes:
        came: how many gradients came to each.
        felt: those to which one came that is not zero.

    >>> weight = nn.Parameter(torch.ones(3))
    >>> kept = Kept({"weight": weight})
    >>> weight.sum().backward()
    >>> kept.feel()
    >>> kept.came["weight"], kept.felt, kept.moved()
    (1, {'weight'}, set())
    """

    def __init__(self, weights: Mapping[str, nn.Parameter], since: int = 0) -> None:
        self.since = since
        self.all = {name: id(weight) for name, weight in weights.items()}
        self.weights = smallest(weights)
        self.were = {name: sample(weight) for name, weight in self.weights.items()}
        self.came: Counter[str] = Counter()
        self.felt: set[str] = set()
        self.hooks = ExitStack()
        for name, weight in self.weights.items():
            handle = weight.register_hook(partial(self.comes, name))  # type: ignore[no-untyped-call]
            self.hooks.callback(handle.remove)

    def comes(self, name: str, _: Tensor) -> None:
        """Count a gradient; one that was there before, and that nobody clears, does not come."""
        self.came[name] += 1

    @property
    def passes(self) -> int:
        """How many backward passes have reached them since they were last counted."""
        return max(self.came.values(), default=0)

    def feel(self) -> None:
        """Note which of them have a gradient, that came, and that is not zero."""
        for name, weight in self.weights.items():
            new = self.came[name] and name not in self.felt
            if new and weight.grad is not None and bool(as_numbers(weight.grad).any()):
                self.felt.add(name)

    def moved(self) -> set[str]:
        """Return the names of those that are not what they were."""
        # A model may go to another device while it is trained.
        now = {name: sample(weight).to(self.were[name]) for name, weight in self.weights.items()}
        return {name for name, old in self.were.items() if not torch.equal(now[name], old)}

    def forget(self) -> None:
        """Follow them no more."""
        self.hooks.close()


@final
class Holding:
    """What of a model an optimiser holds, and what it does not.

    Args:
        model: the one that is trained.
        optimizer: one that trains it, or a part of it.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.model = model
        self.optimizer = optimizer
        self.own = Kept(self.parted()[0])
        self.left = Kept({})

    def parted(self) -> tuple[dict[str, nn.Parameter], dict[str, nn.Parameter]]:
        """Return the weights that ask for a gradient: those that the optimiser holds, and the rest."""
        held = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        asking = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        own = {name: p for name, p in asking.items() if id(p) in held}
        return own, {name: p for name, p in asking.items() if name not in own}

    def look(self, steps: int) -> None:
        """Feel the gradients, also of what was put into the model after so many steps."""
        left = self.parted()[1]
        if {name: id(p) for name, p in left.items()} != self.left.all:
            self.left.forget()
            self.left = Kept(left, steps)
        self.own.feel()
        self.left.feel()

    def used(self) -> None:
        """Begin to count the gradients anew: a step has used them."""
        self.own.came.clear()

    def cared_for(self) -> bool:
        """Return whether somebody moves what this optimiser did not hold: another does, or it holds it by now."""
        return not self.left.all or bool(self.left.moved())

    def judged(self, steps: int, *, over: bool) -> Iterator[Cause]:
        """Name what gets gradients and stands still while what the optimiser holds has moved.

        Args:
            steps: that were taken.
            over: whether there are no more. Before, what another moves in part is left to the other: it may come
                to the rest later, or by less than the numbers can say.
        """
        if steps - self.left.since < LONG:
            return
        moved = self.left.moved()
        stuck = [name for name in self.left.felt if name not in moved]
        if moved:
            stuck = [name for name in stuck if over and exact(self.left.weights[name])]
        waiting = self.own.felt and not self.own.moved()
        if not stuck or waiting:
            return
        sizes = {name: p.numel() for name, p in self.model.named_parameters() if p.requires_grad}
        names = [name for name in self.left.all if name in stuck or not moved]
        part = sum(sizes[name] for name in names) / sum(sizes.values())
        yield Cause(
            name=MISSES,
            evidence=f"{len(names)} of {len(sizes)} tensors, {100 * part:.0f} % of the numbers: to those that were "
            "looked at come gradients, and nothing moves them",
            layer=names[0],
            harm=0.2 + 0.4 * part,
        )

    def forget(self) -> None:
        """Follow nothing more."""
        self.own.forget()
        self.left.forget()


def smallest(weights: Mapping[str, nn.Parameter]) -> dict[str, nn.Parameter]:
    """Return the smallest weights, and of the rest the smallest matrices; first those that have a gradient.

    >>> list(smallest(dict(nn.Linear(2, 3).named_parameters())))
    ['bias', 'weight']
    """
    names = sorted(weights, key=lambda name: (weights[name].grad is None, weights[name].numel()))
    matrices = [name for name in names[FEW:] if weights[name].ndim > 1]
    return {name: weights[name] for name in (*names[:FEW], *matrices[:FEW])}


def sample(weight: Tensor) -> Tensor:
    """Return a copy of numbers from all over a weight; of a small one all of them."""
    values, step = weight.detach(), weight.numel() // SAMPLED
    return values.reshape(-1)[::step].clone() if step > 1 else values.clone()


def exact(weight: Tensor) -> bool:
    """Return whether the numbers of a weight are fine enough for any step that teaches something to change them."""
    return weight.dtype.itemsize >= FULL
