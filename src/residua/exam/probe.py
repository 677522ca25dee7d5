"""The second look: a few real steps on a copy, at several learning rates, on one batch."""

import copy
import math
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor, nn

from residua.exam.few import few
from residua.exam.waking import duplicate
from residua.look import Examples, Loss
from residua.look.untouched import random_states_kept

STEPS = 12
FACTORS = (1.0, 0.1, 10.0)
"""Of the optimiser's own learning rate, in the order in which they are tried."""
WAYS: Final = (("SGD", 0.1), ("SGD", 0.01), ("AdamW", 0.002))
"""Tried in this order where there is no optimiser yet; AdamW's steps do not depend on the size of the gradient."""
ENOUGH = 0.3
"""What must be learned in the first steps for no other way to be tried: the network trains."""
MOMENTUM = 0.9


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRow:
    """A few steps at one learning rate.

    Attributes:
        kind: of the optimiser.
        factor: of the learning rate to the optimiser's own; None where there is no optimiser.
        lr: the learning rate.
        losses: before each step and after the last; it ends where the loss is no number any more.
        blind: the loss after the last step of an answer that is the same for every sample, the mean of the outputs.
        steps: how many were asked for.
    """

    kind: str
    factor: float | None
    lr: float
    losses: tuple[float, ...]
    blind: float
    steps: int

    @property
    def finite(self) -> bool:
        """Whether all steps could be taken."""
        return len(self.losses) == self.steps + 1

    @property
    def drop(self) -> float:
        """The share of the loss that is gone at the end; 0 when it rose or was lost.

        The mean of the last three, since one step more may swing.
        """
        return self.gone(self.losses[0]) if self.losses else 0.0

    @property
    def learned(self) -> float:
        """The share of the loss that is gone by looking at the inputs; 0 when it rose or was lost.

        A network that learns which class is frequent, or that its first answers were too sure, has taken something off
        its loss and does not train yet: an answer that is the same for every sample does as well.
        """
        return self.gone(min(self.losses[0], self.blind)) if self.losses else 0.0

    def gone(self, start: float) -> float:
        """Return what share of a loss the mean of the last three is below it."""
        if not self.finite or not start or not math.isfinite(start):
            return 0.0
        end = sum(self.losses[-3:]) / 3
        return max(0.0, min(1.0, (start - end) / abs(start)))


def probe(
    model: nn.Module, batch: Examples, *, loss: Loss, optimizer: torch.optim.Optimizer | None
) -> tuple[ProbeRow, ...]:
    """Take a few steps on copies of a model, each at another learning rate; the model is left as it was.

    The first way in which enough is learned at once is the last.

    Args:
        model: any, in the mode that it is in.
        batch: inputs and targets; as many samples are used as in the still exam.
        loss: from outputs and targets to one number.
        optimizer: its class and its settings are used, with its learning rates times `FACTORS`.

    Raises:
        BadInput: the model cannot be copied.
    """
    examples = few(model, batch)
    rows = []
    for place in range(len(WAYS if optimizer is None else FACTORS)):
        cards = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
        with random_states_kept(cards):
            torch.manual_seed(0)
            rows.append(tried(model, examples, loss, optimizer, place))
        if rows[-1].learned >= ENOUGH:
            break
    return tuple(rows)


def tried(
    model: nn.Module,
    examples: Examples,
    loss: Loss,
    optimizer: torch.optim.Optimizer | None,
    place: int,
) -> ProbeRow:
    """Take the steps of one row."""
    if optimizer is None:
        moved = duplicate(model)
        for parameter in moved.parameters():
            parameter.grad = None
        kind, rate = WAYS[place]
        stepping: torch.optim.Optimizer = (
            torch.optim.SGD(moved.parameters(), lr=rate, momentum=MOMENTUM, nesterov=True)
            if kind == "SGD"
            else torch.optim.AdamW(moved.parameters(), lr=rate)
        )
        factor = None
    else:
        # Copied together, so that the copy of the optimiser moves the copy of the model.
        moved, stepping = copy.deepcopy((model, optimizer))
        stepping.zero_grad()
        factor = FACTORS[place]
        for group in stepping.param_groups:
            group["lr"] = group["lr"] * factor
    lr = max(float(group["lr"]) for group in stepping.param_groups)
    losses, blind = descend(moved, stepping, examples, loss)
    kind = type(stepping).__name__
    return ProbeRow(kind=kind, factor=factor, lr=lr, losses=losses, blind=blind, steps=STEPS)


def descend(
    model: nn.Module, optimizer: torch.optim.Optimizer, examples: Examples, loss: Loss
) -> tuple[tuple[float, ...], float]:
    """Take the steps; return the losses as far as they are numbers, and that of a blind answer after the last."""
    inputs, targets = examples
    losses: list[float] = []
    with torch.enable_grad():
        for step in range(STEPS + 1):
            outputs = model(inputs)
            value = loss(outputs, targets)
            losses.append(value.item())
            if not math.isfinite(losses[-1]):
                return tuple(losses[:-1]), math.nan
            if step == STEPS or not value.requires_grad:
                break
            optimizer.zero_grad()
            torch.autograd.backward(value)
            optimizer.step()
    same = blinded(outputs.detach())
    return tuple(losses + losses[-1:] * (STEPS + 1 - len(losses))), loss(same, targets).item()


def blinded(outputs: Tensor) -> Tensor:
    """Return the answer that is the same for every sample, and for every pixel of a picture.

    >>> blinded(torch.tensor([[0.0, 2.0], [2.0, 4.0]]))
    tensor([[1., 3.],
            [1., 3.]])
    """
    over = (0, 2, 3) if outputs.ndim == 4 else (0,)
    return outputs.mean(over, keepdim=True).expand_as(outputs).contiguous()
