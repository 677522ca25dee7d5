"""What a schedule is about to make of the learning rates.

A schedule knows its optimiser, and the optimiser does not know it: so it is looked for among all that Python keeps,
and a copy of it is let run ahead.
"""

import copy
import gc
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from residua.exam.calling import REFUSALS
from residua.exam.several import Several

AHEAD: Final = "ahead"
"""Under what it is noted in the groups of an optimiser, so that a copy of it has it too."""
FURTHEST: Final = 2000
"""Turns of a schedule that are looked ahead."""
GONE: Final = 1e-3
"""Of the highest rate, below which a rate is none."""
SOON: Final = 2
"""Turns within which a schedule has ended by mistake, be they steps or epochs."""
LONG: Final = 100
"""Turns for which it has to stay so, of longer trainings."""


@final
@dataclass(frozen=True, slots=True)
class Ahead:
    """What comes of the rate of one group.

    Attributes:
        highest: that it comes to.
        ends: turns of the schedule after which it is next to nothing for good; None where that is not at once.
    """

    highest: float
    ends: int | None


@contextmanager
def foretold(optimizer: torch.optim.Optimizer | None, steps: int) -> Iterator[None]:
    """Note in the groups of an optimiser, for so long, what its schedule is about to make of their rates.

    Where there are two schedules nothing is noted, since one may be forgotten or both may turn.

    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.SGD([weight], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(0.5, 0.01 * step))
    >>> with foretold(optimizer, 1000):
    ...     optimizer.param_groups[0]["ahead"]
    Ahead(highest=0.5, ends=None)
    >>> "ahead" in optimizer.param_groups[0], schedule.last_epoch
    (False, 0)
    """
    members = optimizer.members if isinstance(optimizer, Several) else (optimizer,)
    noted: list[dict[str, Any]] = []
    for member in members:
        if isinstance(member, torch.optim.Optimizer) and not any(AHEAD in g for g in member.param_groups):
            for group, rates in zip(member.param_groups, rates_ahead(member, steps), strict=False):
                group[AHEAD] = Ahead(max(rates), ended(rates, steps))
                noted.append(group)
    try:
        yield
    finally:
        for group in noted:
            group.pop(AHEAD, None)


def untold(optimizer: torch.optim.Optimizer | None) -> torch.optim.Optimizer | None:
    """Take the notes out of a copy that was made within, and return the copy."""
    for group in [] if optimizer is None else optimizer.param_groups:
        group.pop(AHEAD, None)
    return optimizer


def rates_ahead(optimizer: torch.optim.Optimizer, steps: int) -> list[tuple[float, ...]]:
    """Return the rates of each group from now on, as far as its schedule goes; none where there is not one schedule."""
    found = schedules_of(optimizer)
    if len(found) != 1:
        return []
    rates = [rates_now(optimizer)]
    try:
        moved = copy.deepcopy(found[0], {id(value): value for value in tensors_of(optimizer)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a schedule that turns before any step says so
            for _ in range(min(steps, FURTHEST)):
                moved.step()
                rates.append(rates_now(moved.optimizer))
    except REFUSALS:  # it is at its end, asks how the training goes, or cannot be copied
        pass
    return list(zip(*rates, strict=True)) if len(rates) > 1 else []


def schedules_of(optimizer: torch.optim.Optimizer) -> list[LRScheduler]:
    """Return the schedules of an optimiser, of several within one that one alone."""
    holders = gc.get_referrers(optimizer)
    # What an object holds is a dict of its own, which the object holds.
    holders += [owner for held in holders if type(held) is dict for owner in gc.get_referrers(held)]
    found = {id(one): one for one in holders if isinstance(one, LRScheduler) and one.optimizer is optimizer}
    within = {id(part) for one in found.values() for part in vars(one).get("_schedulers", ())}
    return [one for key, one in found.items() if key not in within]


def rates_now(optimizer: torch.optim.Optimizer) -> tuple[float, ...]:
    """Return the learning rate of each group."""
    return tuple(float(group["lr"]) for group in optimizer.param_groups)


def tensors_of(optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    """Walk the weights and the moments, which a schedule does not touch and which need not be copied."""
    for group in optimizer.param_groups:
        yield from group["params"]
    for held in optimizer.state.values():
        yield from (value for value in held.values() if isinstance(value, Tensor))


def ended(rates: Sequence[float], steps: int) -> int | None:
    """Return after how many turns rates are next to nothing for good; None if that is not at once.

    >>> ended((0.1, *[0.0] * 200), 200), ended((0.1, *[0.05] * 200), 200), ended((0.1, 0.0, 0.1, 0.0), 200)
    (1, None, None)
    """
    most = max(rates)
    ends = 1 + max((turn for turn, rate in enumerate(rates) if rate > GONE * most), default=-1)
    return ends if 0 < ends <= SOON and len(rates) - ends >= min(LONG, steps / 2) else None
