"""A training is watched without a number of it changing, and what goes wrong is named."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
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
    model[0].register_parameter("spare", nn.Parameter(torch.ones(3)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with watch(model, optimizer) as seen:
        train(model, optimizer)
    assert seen.causes[-1].name == "parameters never moved"
    assert seen.causes[-1].layer == "0.spare"


def test_what_is_frozen_is_meant_to_stay() -> None:
    model = seeded(plain)
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with watch(model, optimizer) as seen:
        train(model, optimizer)
    assert names(seen) == []


def test_no_number_changes() -> None:
    plainly, seen = seeded(plain), seeded(plain)
    first, second = (torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9) for m in (plainly, seen))
    train(plainly, first)
    with watch(seen, second):
        train(seen, second)
    pairs = zip(plainly.state_dict().values(), seen.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert not seen._forward_hooks
    assert not any(parameter._backward_hooks for parameter in seen.parameters())


def test_gradients_may_be_cleared_by_hand_and_clipped() -> None:
    model = seeded(plain)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    inputs, labels = batch()
    with watch(model, optimizer) as seen:
        for _ in range(6):
            F.cross_entropy(model(inputs), labels).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.01)
            optimizer.step()
            for parameter in model.parameters():
                assert parameter.grad is not None
                parameter.grad.zero_()
    assert names(seen) == []


@pytest.mark.parametrize("kind", ["SGD", "LBFGS"])
def test_a_step_may_compute_its_gradients_itself(kind: str) -> None:
    model = seeded(plain)
    optimizer = getattr(torch.optim, kind)(model.parameters(), lr=0.05)
    inputs, labels = batch()

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        return loss

    with watch(model, optimizer) as seen:
        for _ in range(9):
            optimizer.step(closure)
    assert names(seen) == []


def test_a_head_that_begins_at_zero_may_move_by_much_of_itself() -> None:
    head = nn.Linear(16, 4)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
    inputs = torch.randn(64, 16)
    with watch(head, optimizer) as seen:
        for _ in range(9):
            optimizer.zero_grad()
            F.cross_entropy(head(inputs), inputs[:, :4].argmax(1)).backward()
            optimizer.step()
    assert names(seen) == []


def test_sparse_gradients_are_looked_at_too() -> None:
    words = nn.Embedding(50, 8, sparse=True)
    optimizer = torch.optim.SparseAdam(words.parameters(), lr=0.01)
    with watch(words, optimizer) as seen:
        for _ in range(9):
            optimizer.zero_grad()
            words(torch.randint(50, (32,))).square().mean().backward()
            optimizer.step()
    assert names(seen) == []


def test_a_watched_model_can_be_copied_and_saved(tmp_path: Path) -> None:
    model, inputs = seeded(plain), batch()[0]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with watch(model, optimizer) as seen:
        copied = copy.deepcopy(model)
        train(model, optimizer, steps=2)
        kept = [parameter.grad for parameter in model.parameters()]
        copied.eval()(inputs)
        copied.zero_grad()
        assert all(p.grad is gradient for p, gradient in zip(model.parameters(), kept, strict=True))
        torch.save(model, tmp_path / "model.pt")
    assert names(seen) == []
    again = torch.load(tmp_path / "model.pt", weights_only=False)
    assert torch.equal(again.eval()(inputs), model.eval()(inputs))
