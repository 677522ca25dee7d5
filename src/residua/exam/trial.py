"""A copy of a network that takes real steps, and what these steps took off its loss."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from residua.exam.domain import probable
from residua.exam.several import kind_of
from residua.look import Examples, Loss, each

STEPS = 12
"""What every way is given."""
RISE = 30
"""Steps in which a rate that is to warm up comes to its height."""
ENOUGH = 0.1
"""Share of the loss that is learned; from there on a network is on its way."""
SHAKEN = 3.0
"""Times the first loss; at a rate that fits it hardly rises."""
LEAST = 0.003
"""What is learned at the least where the steps that it would take to learn `ENOUGH` are reckoned."""
LAST = 4
"""Steps over which a loss is averaged, since one batch is harder than another."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRow:
    """Steps at one learning rate.

    Attributes:
        kind: of the optimiser.
        factor: of the learning rate to the optimiser's own; None where there is no optimiser.
        lr: the learning rate.
        losses: before each step and after the last; it ends where the loss is no number any more.
        blind: as many losses, each of an answer that looks at nothing, the mean of the outputs or of all numbers.
        lost: whether the loss was no number in the end.
    """

    kind: str
    factor: float | None
    lr: float
    losses: tuple[float, ...]
    blind: tuple[float, ...]
    lost: bool

    @property
    def steps(self) -> int:
        """How many were taken."""
        return max(0, len(self.losses) - 1)

    @property
    def drop(self) -> float:
        """The share of the loss that is gone at the end; 0 when it rose or was lost."""
        return 0.0 if self.lost else gone(self.losses)

    @property
    def first_learned(self) -> float:
        """The share of the loss that was gone by looking at the inputs after the first `STEPS` steps."""
        count = STEPS + 1
        return 0.0 if self.lost else learned(self.losses[:count], self.blind[:count])

    @property
    def shaken(self) -> bool:
        """Whether the steps first drove the loss far up, as at a rate that is too high."""
        return bool(self.losses) and max(self.losses) > SHAKEN * abs(self.losses[0])

    @property
    def learned(self) -> float:
        """The share of the loss that is gone at the end by looking at the inputs; 0 when it rose or was lost."""
        return 0.0 if self.lost else learned(self.losses, self.blind)

    @property
    def pace(self) -> float:
        """The steps until `ENOUGH` is learned for good; where it is not, reckoned from what is learned at the end."""
        if self.learned < ENOUGH:
            return max(self.steps, STEPS) * ENOUGH / max(self.learned, LEAST)
        ends = range(len(self.losses), 1, -1)
        short = (end for end in ends if learned(self.losses[:end], self.blind[:end]) < ENOUGH)
        return float(next(short, 1))


def gone(losses: tuple[float, ...]) -> float:
    """Return what share of the first loss the last ones are below it.

    >>> gone((2.0, 1.0, 1.0, 1.0)), gone((1.0, 2.0, 2.0, 2.0))
    (0.5, 0.0)
    """
    return below(losses[0], losses) if losses else 0.0


def learned(losses: tuple[float, ...], blind: tuple[float, ...]) -> float:
    """Return what share of the loss is gone by looking at the inputs.

    A network that learns which class is frequent, or that its first answers were too sure, has taken something off
    its loss and does not train yet: an answer that is the same for every sample does as well.

    >>> learned((2.0, 1.0, 1.0, 1.0), (2.0, 1.0, 1.0, 1.0))
    0.0
    """
    return below(min(losses[0], mean(blind)), losses) if losses else 0.0


def below(start: float, losses: tuple[float, ...]) -> float:
    """Return what share of a loss the last of some losses are below it."""
    if not start or not math.isfinite(start):
        return 0.0
    return max(0.0, min(1.0, (start - mean(losses)) / abs(start)))


def mean(losses: tuple[float, ...]) -> float:
    """Return the mean of the last losses, of the first alone if there is no other."""
    last = losses[1:][-LAST:] or losses
    return sum(last) / len(last)


@final
class Trial:
    """A copy of a network with an optimiser that moves it, and what was seen so far.

    Attributes:
        against: its losses are held against answers that look at nothing. Not where a loss reads no targets: it
            compares what is given with itself, and finds the same answer for all samples right.
        warming: groups of the optimiser with the rates to which they rise after the first `STEPS` steps.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        factor: float | None,
        warming: Sequence[tuple[dict[str, Any], float]] = (),
    ) -> None:
        self.model = model
        self.warming = warming
        self.against = True
        self.optimizer = optimizer
        self.factor = factor
        self.losses: list[float] = []
        self.blind: list[float] = []
        self.lost = False

    def go(self, batches: Sequence[Examples], loss: Loss, *, steps: int, enough: float = ENOUGH) -> None:
        """Take steps, a batch each, until there are so many, or from `STEPS` on until enough is learned."""
        while not self.over(steps, enough):
            inputs, targets = batches[len(self.losses) % len(batches)]
            if self.losses:
                self.step(batches[(len(self.losses) - 1) % len(batches)], loss)
            self.optimizer.zero_grad()
            with torch.enable_grad():
                outputs = self.model(inputs)
                value = loss(outputs, targets)
            if not math.isfinite(value.item()):
                self.lost = True
                return
            self.losses.append(value.item())
            known = (loss(same, targets).item() for same in blinded(outputs))
            self.blind.append(min(known) if self.against else math.inf)
            if value.requires_grad:
                down(value, self.model)

    def step(self, examples: Examples, loss: Loss) -> None:
        """Move the copy along the gradients that it has."""
        self.warm()

        def again() -> Tensor:
            self.optimizer.zero_grad()
            with torch.enable_grad():
                value = loss(self.model(examples[0]), examples[1])
            down(value, self.model)
            return value

        if isinstance(self.optimizer, torch.optim.LBFGS):  # it searches along a line
            self.optimizer.step(again)  # type: ignore[no-untyped-call]
            return
        try:
            self.optimizer.step()
        except RuntimeError:
            if self.factor is not None or not self.sparse():
                raise
            self.lost = True  # AdamW takes no sparse gradients, and is one way of several

    def warm(self) -> None:
        """Let the rates rise that a schedule has begun low."""
        part = (len(self.losses) - STEPS) / RISE
        for group, whole in self.warming if part > 0 else ():
            group["lr"] = max(group["lr"], min(1.0, part) * whole)

    def sparse(self) -> bool:
        """Return whether a gradient names only the rows that it is not zero in."""
        return any(p.grad is not None and p.grad.is_sparse for p in self.model.parameters())

    def over(self, steps: int, enough: float) -> bool:
        """Return whether no further step is to be taken."""
        taken = len(self.losses) - 1
        return self.lost or taken >= steps or (taken >= STEPS and self.row().learned >= enough)

    def row(self) -> ProbeRow:
        """Return what was seen so far."""
        return ProbeRow(
            kind=kind_of(self.optimizer),
            factor=self.factor,
            lr=max(float(group.get("lr", math.nan)) for group in self.optimizer.param_groups),
            losses=tuple(self.losses),
            blind=tuple(self.blind),
            lost=self.lost,
        )


def down(value: Tensor, model: nn.Module) -> None:
    """Compute the gradients of a model's own weights, and of nothing else that a loss may hold."""
    own = [weight for weight in model.parameters() if weight.requires_grad]
    if own:
        torch.autograd.backward(value, inputs=own)


def blinded(outputs: Any) -> tuple[Any, Any]:
    """Return the answer that is the same for every sample and pixel, and the one that is so for every class too.

    The second is there for outputs that are so far apart that their mean is a bad answer.

    >>> [same.tolist() for same in blinded(torch.tensor([[0.0, 2.0], [2.0, 4.0]]))]
    [[[1.0, 3.0], [1.0, 3.0]], [[2.0, 2.0], [2.0, 2.0]]]
    """
    return each(outputs, probably(over_samples)), each(outputs, probably(over_all))


def probably(mean: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return a mean that leaves probabilities, and the logarithms of some, what they are."""

    def of(outputs: Tensor) -> Tensor:
        keep = probable(outputs.detach())
        return keep(mean(outputs)) if keep else mean(outputs)

    return of


def over_samples(outputs: Tensor) -> Tensor:
    """Return the mean over samples and places in the place of every value."""
    over = (0, 2, 3) if outputs.ndim == 4 else (0,) if outputs.ndim else ()
    return outputs.detach().mean(over, keepdim=True).expand_as(outputs).contiguous()


def over_all(outputs: Tensor) -> Tensor:
    """Return the mean over everything in the place of every value."""
    return outputs.detach().mean().expand_as(outputs).contiguous()
