"""The second look: a few real steps on a copy, at several learning rates, on one batch."""

import copy
import math
from dataclasses import dataclass
from typing import final

import torch
from torch import nn

from residua.exam.few import few
from residua.exam.waking import duplicate
from residua.look import Examples, Loss
from residua.look.untouched import random_states_kept

STEPS = 12
FACTORS = (1.0, 0.1, 10.0)
"""Of the optimiser's own learning rate, in the order in which they are tried."""
RATES = (0.1, 0.01, 1.0)
"""Of SGD with momentum, where there is no optimiser yet, in the order in which they are tried."""
ENOUGH = 0.4
"""Share of the loss that is gone after the first steps from which no other rate need be tried: the network trains."""
MOMENTUM = 0.9


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRow:
    """A few steps at one learning rate.

    Attributes:
        factor: of the learning rate to the optimiser's own; None where there is no optimiser.
        lr: the learning rate.
        losses: before each step and after the last; it ends where the loss is no number any more.
        steps: how many were asked for.
    """

    factor: float | None
    lr: float
    losses: tuple[float, ...]
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
        if not self.finite or not self.losses[0]:
            return 0.0
        end = sum(self.losses[-3:]) / 3
        return max(0.0, min(1.0, (self.losses[0] - end) / abs(self.losses[0])))


def probe(
    model: nn.Module, batch: Examples, *, loss: Loss, optimizer: torch.optim.Optimizer | None
) -> tuple[ProbeRow, ...]:
    """Take a few steps on copies of a model, each at another learning rate; the model is left as it was.

    The first rate at which most of what there is to learn goes at once is the last.

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
    for place in range(len(FACTORS)):
        cards = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
        with random_states_kept(cards):
            torch.manual_seed(0)
            rows.append(tried(model, examples, loss, optimizer, place))
        if rows[-1].drop >= ENOUGH:
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
        stepping: torch.optim.Optimizer = torch.optim.SGD(
            moved.parameters(), lr=RATES[place], momentum=MOMENTUM, nesterov=True
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
    return ProbeRow(factor=factor, lr=lr, losses=descend(moved, stepping, examples, loss), steps=STEPS)


def descend(
    model: nn.Module, optimizer: torch.optim.Optimizer, examples: Examples, loss: Loss
) -> tuple[float, ...]:
    """Take the steps and return the losses, as far as they are numbers."""
    inputs, targets = examples
    losses: list[float] = []
    with torch.enable_grad():
        for step in range(STEPS + 1):
            value = loss(model(inputs), targets)
            losses.append(value.item())
            if not math.isfinite(losses[-1]):
                return tuple(losses[:-1])
            if step == STEPS or not value.requires_grad:
                break
            optimizer.zero_grad()
            torch.autograd.backward(value)
            optimizer.step()
    return tuple(losses + losses[-1:] * (STEPS + 1 - len(losses)))
