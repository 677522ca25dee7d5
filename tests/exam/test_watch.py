"""A training is watched without a number of it changing, and what goes wrong is named."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from residua.exam import watch
from residua.exam.watch import Watch
from tests.exam.nets import batch, plain, seeded


def train(model: nn.Module, optimizer: torch.optim.Optimizer, *, steps: int = 10, clear: bool = True) -> None:
    inputs, labels = batch()
    for _ in range(steps):
        if clear:
            optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()


def watched(*, clear: bool = True, lr: float = 0.05, evaluating: bool = False) -> Watch:
    model = seeded(plain)
    model.train(not evaluating)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    with watch(model, optimizer) as seen:
        train(model, optimizer, clear=clear)
    return seen


def names(seen: Watch) -> list[str]:
    return [cause.name for cause in seen.causes]


def test_a_training_that_is_well_is_left_alone() -> None:
    assert names(watched()) == []


def test_gradients_that_nobody_clears() -> None:
    seen = watched(clear=False)
    assert names(seen)[0] == "gradients are not cleared"
    assert seen.causes[0].evidence.startswith("step 2:")


def test_accumulation_is_no_fault() -> None:
    model = seeded(plain)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    inputs, labels = batch()
    with watch(model, optimizer) as seen:
        for _ in range(4):
            for half in (slice(64), slice(64, 128)):
                (F.cross_entropy(model(inputs[half]), labels[half]) / 2).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
    assert names(seen) == []


def test_rates_and_modes() -> None:
    assert "learning rate too high" in names(watched(lr=30))
    assert "learning rate too low" in names(watched(lr=1e-10))
    assert "norm in evaluation mode" in names(watched(evaluating=True))


def scheduled(steps: int, rate: Callable[[int], float]) -> Watch:
    """Return what was seen of some steps whose learning rate follows a schedule."""
    model = seeded(plain)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    with watch(model, optimizer) as seen:
        for _ in range(steps):
            train(model, optimizer, steps=1)
            schedule.step()
    return seen


def test_a_schedule_that_is_over() -> None:
    assert "schedule has ended" in names(scheduled(6, lambda step: 1.0 if step == 0 else 0.0))


def test_a_schedule_may_end_as_low_as_it_likes() -> None:
    assert not names(scheduled(60, lambda step: max(1e-9, 1 - step / 50)))


def test_the_last_step_of_a_short_schedule_is_no_fault() -> None:
    assert not names(scheduled(10, lambda step: 1 - step / 10 if step < 9 else 1e-9))


def test_what_is_never_reached_is_named_at_the_end() -> None:
    model = seeded(plain)
    model.add_module("spare", nn.Identity())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    model[0].requires_grad_(False)
    with watch(model, optimizer) as seen:
        train(model, optimizer)
    assert seen.causes[-1].name == "parameters never moved"
    assert seen.causes[-1].layer == "0.weight"


def test_no_number_changes() -> None:
    plainly, seen = seeded(plain), seeded(plain)
    first, second = (torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9) for m in (plainly, seen))
    train(plainly, first)
    with watch(seen, second):
        train(seen, second)
    pairs = zip(plainly.state_dict().values(), seen.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert not seen._forward_hooks
    assert "zero_grad" not in vars(second)
