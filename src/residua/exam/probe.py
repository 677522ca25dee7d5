"""The second look: real steps on copies, at several learning rates."""

from typing import Any, Final, final

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from residua.errors import BadInput
from residua.exam.calling import REFUSALS
from residua.exam.few import few
from residua.exam.inventory import rate_of
from residua.exam.level import Level
from residua.exam.strides import begun
from residua.exam.trial import ENOUGH, STEPS, ProbeRow, Trial
from residua.exam.waking import duplicate, duplicate_both
from residua.look import Examples, Loss, seeded, untouched

FACTORS = (1.0, 0.1, 10.0)
"""Of the optimiser's own learning rate, in the order in which they are tried."""
WAYS: Final = (("SGD", 0.1), ("AdamW", 0.002), ("SGD", 0.01))
"""Tried in this order where there is no optimiser yet, until one has learned enough."""
ADAMW: Final = 1
"""Which of them is AdamW, whose steps do not depend on the size of the gradient."""
MOMENTUM = 0.9
PATIENCE = 100
"""Steps for one way, where the first ones of each teach little: many networks sit on a plateau for some tens."""
WORK = 1e12
"""Multiply-adds, twice, that they may take: some seconds of two cores."""
THERE_AND_BACK = 3
"""What a step takes of the work of a forward pass."""
FOLLOWS = 0.05
"""Share of the loss of samples that a copy has not learned from, which it saves where targets follow the inputs."""
APART = 4
SOME = 0.02
"""Share of the loss below which the first steps have taught nothing."""


def probe(
    model: nn.Module,
    batch: Examples,
    *,
    loss: Loss,
    optimizer: torch.optim.Optimizer | None,
    against: bool = True,
) -> tuple[ProbeRow, ...]:
    """Take steps on copies of a model, each at another learning rate; the model is left as it was.

    Each way is given `STEPS` steps, until one has learned enough: the optimiser's own rate, or any where there is no
    optimiser. If none has, one of them goes on, the optimiser's own rate or the way that taught the most, until it has
    learned enough or has taken as many steps as its work allows.

    Args:
        model: any, in the mode that it is in.
        batch: inputs and targets; each step sees as many of them as the still exam, and the next step the next ones.
        loss: from outputs and targets to one number.
        optimizer: its class and its settings are used, with its learning rates times `FACTORS`; one of which a copy
            cannot step, as of some wrappers, counts as none.
        against: hold the losses against those of answers that look at nothing.

    Raises:
        BadInput: the model cannot be copied.
    """
    try:
        return tried(model, batch, loss, optimizer, against)
    except (BadInput, *REFUSALS):
        if optimizer is None:
            raise
        return tried(model, batch, loss, None, against)  # a copy of a wrapper may have lost what it wraps


def tried(
    model: nn.Module, batch: Examples, loss: Loss, optimizer: torch.optim.Optimizer | None, against: bool
) -> tuple[ProbeRow, ...]:
    """Take the steps of a probe with an optimiser's settings, or without one."""
    batches = in_turn(model, batch)
    trials: list[Trial] = []
    for place in range(len(WAYS if optimizer is None else FACTORS)):
        with seeded(model):
            trials.append(trial(model, optimizer, place))
            trials[-1].against = against
            trials[-1].go(batches, loss, steps=STEPS)
        rows = [one.row() for one in trials]
        # What a rate has learned after it drove the loss far up, a lower one may learn sooner.
        if patient(trials).row().learned >= ENOUGH and not (place == 0 and rows[0].shaken and optimizer):
            return tuple(one.row() for one in trials)
    with seeded(model):
        patient(trials).go(batches, loss, steps=affordable(model, batches[0]))
    return tuple(one.row() for one in trials)


def follows(model: nn.Module, batch: Examples, loss: Loss) -> bool | None:
    """Return whether a copy learns from one half of a batch what holds on the other; None where it learns neither.

    The targets of other samples are worth something too where all are alike, as masks with their thing in the middle:
    what is learned from its own has to be worth `APART` times as much.
    """
    own, learned = held_out(model, batch, loss)
    other, _ = held_out(model, (batch[0], batch[1].roll(1, 0)), loss)
    known = own > FOLLOWS and own > APART * other
    return known if known or learned >= ENOUGH else None


def held_out(model: nn.Module, batch: Examples, loss: Loss) -> tuple[float, float]:
    """Return the share of the loss of one half of a batch that a copy could save after steps on the other half.

    And the share that it has learned of that other half.

    Where targets do not follow the inputs it is next to nothing, whatever has been learned by heart. Neighbours say
    less: a small thing anywhere in a picture makes none.
    """
    half = len(batch[0]) // 2
    own, other = ((batch[0][part], batch[1][part]) for part in (slice(half), slice(half, None)))
    with seeded(model):
        copied = trial(model, None, ADAMW)
        copied.go(in_turn(model, own), loss, steps=affordable(model, own), enough=1.0)
        with untouched(copied.model), torch.no_grad():
            given = copied.model(other[0])
    return Level(given, other[1], loss).could_be_saved(given), copied.row().learned


def in_turn(model: nn.Module, batch: Examples) -> list[Examples]:
    """Return a batch as several, each as large as a look at the model is worth; what is left over is left out.

    >>> [len(inputs) for inputs, _ in in_turn(nn.Linear(2, 2), (torch.zeros(150, 2), torch.zeros(150)))]
    [64, 64]
    """
    size = len(few(model, batch)[0])
    starts = range(0, len(batch[0]) - size + 1, size)
    return [(batch[0][start : start + size], batch[1][start : start + size]) for start in starts]


def trial(model: nn.Module, optimizer: torch.optim.Optimizer | None, place: int) -> Trial:
    """Return a copy of a model that is about to take its first step in one of the ways."""
    if optimizer is not None:
        # Copied together, so that the copy of the optimiser moves the copy of the model.
        moved, stepping = duplicate_both(model, optimizer)
        stepping.zero_grad()
        rated = [group for group in stepping.param_groups if "lr" in group]
        wholes = [rate_of(group) * FACTORS[place] for group in rated]
        for group in rated:
            group["lr"] = begun(group) * FACTORS[place]
        warming = [(group, whole) for group, whole in zip(rated, wholes, strict=True) if group["lr"] < whole]
        return Trial(moved, stepping, FACTORS[place], warming)
    moved = duplicate(model)
    for parameter in moved.parameters():
        parameter.grad = None
    kind, rate = WAYS[place]
    if kind == "SGD":
        stepping = torch.optim.SGD(moved.parameters(), lr=rate, momentum=MOMENTUM, nesterov=True)
    else:
        stepping = torch.optim.AdamW(moved.parameters(), lr=rate)
    return Trial(moved, stepping, None)


def patient(trials: list[Trial]) -> Trial:
    """Return the trial that is worth more steps: the one at the optimiser's own rate, or the best.

    Where none has learned anything yet it is AdamW's.
    """
    if trials[0].factor is not None:
        return trials[0]
    best = max(trials, key=lambda one: one.row().learned)
    return best if best.row().learned >= SOME else trials[min(ADAMW, len(trials) - 1)]


def affordable(model: nn.Module, examples: Examples) -> int:
    """Return how many steps may be taken for `WORK`."""
    with untouched(model), torch.no_grad(), Counted() as counted:
        model(examples[0])
    return int(min(PATIENCE, max(STEPS, WORK / (THERE_AND_BACK * max(1, counted.work)))))


@final
class Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Adds up the work of what is called within: two for each multiply-add.

    PyTorch's own `FlopCounterMode` also follows the modules, by hooks that some models do not bear.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.work = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        out = func(*args, **given)
        if func.overloadpacket is torch.ops.aten.mkldnn_rnn_layer:  # it is missing there
            self.work += 2 * args[0].shape[:2].numel() * sum(weight.numel() for weight in args[1:3])
        if func.overloadpacket in flop_registry:
            self.work += flop_registry[func.overloadpacket](*args, **given, out_val=out)
        return out
