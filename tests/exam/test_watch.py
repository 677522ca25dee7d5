"""A training is watched without a number of it changing, and what goes wrong is named."""

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import lr_scheduler

from residua.exam import watch
from residua.exam.watching.watch import Watch
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


def small() -> nn.Sequential:
    """Return a network that takes hundreds of steps in no time."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4))


def followed(
    optimizer_of: Callable[[nn.Module], torch.optim.Optimizer],
    *,
    steps: int = 20,
    before: Callable[[int, nn.Module, torch.optim.Optimizer], object] = lambda *_: None,
    stepping: Callable[[int, nn.Module, torch.optim.Optimizer], object] = lambda *_: None,
) -> Watch:
    """Return what was seen of a training; something is done before each pass, and between it and the step."""
    model = seeded(small)
    optimizer = optimizer_of(model)
    inputs, labels = batch(32)
    with watch(model, optimizer) as seen:
        for step in range(steps):
            before(step, model, optimizer)
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            stepping(step, model, optimizer)
            optimizer.step()
    return seen


def train_small(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    inputs, labels = batch(32)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)


def passes(times: int, *, every: int | None, alone: bool = True) -> Watch:
    """Return what was seen of some backward passes and a step now and then; where not alone, of others too."""
    model = seeded(small)
    optimizer, other = sgd(model), sgd(model)
    inputs, labels = batch(32)
    with watch(model, optimizer) as seen:
        for place in range(times):
            F.cross_entropy(model(inputs), labels).backward()
            if not alone:
                other.step()
            if every and (place + 1) % every == 0:
                optimizer.step()
                optimizer.zero_grad()
    return seen


def test_steps_that_are_never_taken() -> None:
    seen = passes(20, every=None)
    assert names(seen) == ["optimiser never steps"]
    assert "20 backward passes" in seen.causes[0].evidence


def test_steps_that_are_taken_now_and_then_or_by_somebody_else() -> None:
    assert names(passes(70, every=64)) == []
    assert names(passes(4, every=None)) == []
    assert names(passes(20, every=None, alone=False)) == []


def replaced(model: nn.Module) -> None:
    assert isinstance(model, nn.Sequential)
    model[4] = nn.Linear(16, 4)


def headless(model: nn.Module) -> torch.optim.Optimizer:
    """Return an optimiser of a model whose head is replaced after it."""
    optimizer = sgd(model)
    replaced(model)
    return optimizer


def test_a_head_that_the_optimiser_does_not_know() -> None:
    seen = followed(headless)
    assert [(cause.name, cause.layer) for cause in seen.causes] == [
        ("optimiser misses parameters", "4.weight")
    ]
    assert seen.causes[0].evidence.startswith("step 8: 2 of 6 tensors")


@pytest.mark.parametrize(("place", "steps"), [(3, 10), (20, 70)])
def test_a_head_that_is_replaced_while_the_model_is_watched(place: int, steps: int) -> None:
    """It is given eight steps from when it was seen first, in which another optimiser may come to it."""
    seen = followed(sgd, steps=steps, before=lambda at, model, _: replaced(model) if at == place else None)
    found = [(cause.name, cause.layer) for cause in seen.causes]
    assert found == ([("optimiser misses parameters", "4.weight")] if steps == 70 else [])


def test_what_nothing_reaches_hides_no_head_that_is_missed() -> None:
    def spare(model: nn.Module) -> torch.optim.Optimizer:
        optimizer = headless(model)
        for place in range(4):
            model.register_parameter(f"spare{place}", nn.Parameter(torch.ones(2, 2)))
        return optimizer

    assert names(followed(spare)) == ["optimiser misses parameters"]


def test_a_body_that_the_optimiser_misses() -> None:
    seen = followed(lambda model: torch.optim.SGD(list(model.parameters())[4:], lr=0.05))
    assert names(seen) == ["optimiser misses parameters"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("every", [1, 4])
def test_what_one_optimiser_does_not_hold_another_may(dtype: torch.dtype, every: int) -> None:
    model = seeded(small).to(dtype)
    weights = list(model.parameters())
    one = torch.optim.SGD(weights[:2], lr=0.05)
    other = torch.optim.AdamW(weights[2:], lr=1e-3)
    inputs, labels = batch(32)
    with watch(model, one) as seen:
        for step in range(20):
            model.zero_grad()
            F.cross_entropy(model(inputs.to(dtype)), labels).backward()
            one.step()
            if step % every == every - 1:
                other.step()
    assert names(seen) == []


def test_two_optimisers_may_begin_with_steps_of_no_length() -> None:
    told: list[str] = []
    model = seeded(small)
    weights = list(model.parameters())
    pair = [torch.optim.SGD(some, lr=0.05) for some in (weights[:2], weights[2:])]
    schedules = [lr_scheduler.LambdaLR(one, lambda step: float(step >= 12)) for one in pair]
    inputs, labels = batch(32)
    with watch(model, pair[0], tell=lambda cause: told.append(cause.name)):
        for _ in range(20):
            model.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            for one, schedule in zip(pair, schedules, strict=True):
                one.step()
                schedule.step()
    assert told == []


def test_what_two_optimisers_miss_is_found_at_the_end() -> None:
    model = seeded(small)
    weights = list(model.parameters())
    one, other = torch.optim.SGD(weights[:2], lr=0.05), torch.optim.SGD(weights[2:4], lr=0.05)
    inputs, labels = batch(32)
    with watch(model, one) as seen:
        for _ in range(20):
            model.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            one.step()
            other.step()
        assert names(seen) == []
    assert [(cause.name, cause.layer) for cause in seen.causes] == [
        ("optimiser misses parameters", "4.weight")
    ]


def test_what_is_given_to_the_optimiser_later_is_missed_no_more() -> None:
    def given(step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        if step == 15:
            optimizer.add_param_group({"params": list(model.parameters())[:4]})

    seen = followed(lambda model: torch.optim.SGD(list(model.parameters())[4:], lr=0.05), before=given)
    assert names(seen) == []


def test_gradients_of_another_time_are_none_that_come() -> None:
    model = seeded(small)
    inputs, labels = batch(32)
    F.cross_entropy(model(inputs), labels).backward()
    head = list(model.parameters())[4:]
    optimizer = torch.optim.SGD(head, lr=0.05)
    with watch(model, optimizer) as seen:
        for _ in range(20):
            optimizer.zero_grad()
            with torch.no_grad():
                hidden = model[:4](inputs)  # type: ignore[index]
            F.cross_entropy(model[4](hidden), labels).backward()  # type: ignore[index]
            optimizer.step()
    assert names(seen) == []


def spoilt(step: int, model: nn.Module, _: object) -> None:
    if step == 53:
        next(model.parameters()).grad.fill_(torch.nan)  # type: ignore[union-attr]


def test_numbers_that_are_lost_between_the_steps_that_are_looked_at() -> None:
    seen = followed(sgd, steps=60, stepping=spoilt)
    assert names(seen) == ["weights are not finite", "gradient is not finite"]
    assert seen.causes[0].evidence.startswith("after 60 steps:")


def test_a_step_that_is_left_out_for_its_gradient_is_no_fault() -> None:
    model = seeded(small)
    optimizer = sgd(model)
    inputs, labels = batch(32)
    with watch(model, optimizer) as seen:
        for step in range(12):
            optimizer.zero_grad()
            (F.cross_entropy(model(inputs), labels) * (torch.inf if step in (5, 11) else 1)).backward()
            if step not in (5, 11):
                optimizer.step()
    assert names(seen) == []


def falling(steps: int, schedule_of: Callable[[torch.optim.Optimizer], Any]) -> Watch:
    """Return what was seen of a training whose schedule takes a step at each of its own."""
    schedules: list[Any] = []

    def made(model: nn.Module) -> torch.optim.Optimizer:
        optimizer = sgd(model)
        schedules.append(schedule_of(optimizer))
        return optimizer

    return followed(made, steps=steps, before=lambda step, *_: schedules[0].step() if step else None)


def test_a_rate_that_falls_with_each_step_in_place_of_each_epoch() -> None:
    seen = falling(200, lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.9))
    assert names(seen) == ["schedule has ended"]
    assert seen.causes[0].evidence.startswith("step 176:")


def test_a_schedule_that_goes_on_is_not_over() -> None:
    def rated(idle: int, seen: list[str]) -> Watch:
        model = seeded(small)
        optimizer = sgd(model)
        with watch(model, optimizer, tell=lambda cause: seen.append(cause.name)) as found:
            for steps, rate in ((1, 0.05), (idle, 0.0), (5, 0.05)):
                optimizer.param_groups[0]["lr"] = rate
                train_small(model, optimizer, steps)
        return found

    told: list[str] = []
    assert (names(rated(3, told)), told) == ([], [])
    assert (names(rated(4, told)), told) == ([], ["schedule has ended"])


@pytest.mark.parametrize(
    ("steps", "schedule_of"),
    [
        (300, lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 300)),
        (300, lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=300)),
        (130, lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 40)),
    ],
    ids=["cosine", "one cycle", "restarts"],
)
def test_schedules_that_are_usual(steps: int, schedule_of: Callable[[torch.optim.Optimizer], Any]) -> None:
    assert names(falling(steps, schedule_of)) == []


def test_gradients_that_are_clipped_to_nothing() -> None:
    """Weight decay moves the weights by some 1e-4 of their size all the same."""
    seen = followed(sgd, stepping=lambda _, model, __: clip_grad_norm_(model.parameters(), 1e-6))
    assert names(seen) == ["learning rate too low"]
    assert "clipped" in seen.causes[0].evidence


@pytest.mark.parametrize("rate", [1e-6, 1e-5])
@pytest.mark.parametrize("warm", [1, 2000])
def test_fine_tuning_takes_small_steps(rate: float, warm: int) -> None:
    def rise(step: int, _: object, optimizer: torch.optim.Optimizer) -> None:
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / warm)

    seen = followed(lambda model: torch.optim.AdamW(model.parameters(), lr=rate), steps=60, before=rise)
    assert names(seen) == []


def test_scales_of_one_turn_little_at_a_small_rate() -> None:
    scales = [nn.LayerNorm(64, bias=False) for _ in range(4)]
    model = nn.Sequential(nn.Flatten(), *scales, nn.Linear(64, 4, bias=False))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    with watch(model, optimizer) as seen:
        train_small(model, optimizer, 10)
    assert names(seen) == []


def test_of_a_table_of_words_few_rows_move() -> None:
    torch.manual_seed(0)
    words = nn.Embedding(20_000, 16)
    optimizer = torch.optim.SGD(words.parameters(), lr=3e-3)
    with watch(words, optimizer) as seen:
        for _ in range(10):
            optimizer.zero_grad()
            words(torch.randint(20_000, (8,))).tanh().mean().backward()
            optimizer.step()
    assert names(seen) == []


def test_groups_may_be_given_a_rate_of_zero() -> None:
    body = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
    head = nn.Linear(16, 4)
    groups = [{"params": body.parameters(), "lr": 0.0}, {"params": head.parameters()}]
    model, optimizer = nn.Sequential(body, head), torch.optim.SGD(groups, lr=0.05)
    with watch(model, optimizer) as seen:
        train_small(model, optimizer, 10)
    assert names(seen) == []


def test_a_rate_that_jumps_in_the_middle_of_a_training() -> None:
    def jump(step: int, _: object, optimizer: torch.optim.Optimizer) -> None:
        if step == 15:
            optimizer.param_groups[0]["lr"] *= 1000

    seen = followed(lambda model: torch.optim.Adam(model.parameters(), lr=1e-3), steps=30, before=jump)
    assert names(seen) == ["learning rate too high"]
    assert seen.causes[0].evidence.startswith("step 16:")


def ask(model: nn.Module, *, back: bool) -> None:
    """Ask a model in evaluation mode with a graph: a validation, or for the gradient of the inputs."""
    model.eval()
    inputs = batch(32)[0].requires_grad_()
    outputs = model(inputs)
    if back:
        torch.autograd.grad(outputs.sum(), inputs)


@pytest.mark.parametrize("back", [False, True])
def test_a_model_may_be_asked_in_evaluation_mode_between_its_steps(back: bool) -> None:
    def earlier(_: int, model: nn.Module, __: object) -> None:
        ask(model, back=back)
        model.train()

    assert names(followed(sgd, before=earlier)) == []
    trains = partial(followed, sgd, before=lambda _, model, __: model.train())
    assert names(trains(stepping=lambda _, model, __: ask(model, back=back))) == []


def test_a_validation_is_no_training_where_that_calls_the_layers() -> None:
    model = seeded(small)
    optimizer = sgd(model)
    inputs, labels = batch(32)
    with watch(model, optimizer) as seen:
        for _ in range(10):
            optimizer.zero_grad()
            hidden = inputs
            for layer in model.train().children():
                hidden = layer(hidden)
            F.cross_entropy(hidden, labels).backward()
            ask(model, back=False)
            optimizer.step()
    assert names(seen) == []


def test_a_model_that_stays_in_evaluation_mode() -> None:
    seen = followed(sgd, before=lambda step, model, _: model.train(step < 12))
    assert names(seen) == ["norm in evaluation mode"]
    assert seen.causes[0].evidence.startswith("step 13:")


def stairs(step: int, _: object, optimizer: torch.optim.Optimizer) -> None:
    """Set the rate of a warm-up by epochs of ten steps: it begins at nothing."""
    optimizer.param_groups[0]["lr"] = 0.01 * min(1.0, step // 10 / 2)


def test_a_warm_up_by_epochs_begins_with_an_epoch_of_no_steps() -> None:
    told: list[str] = []
    model = seeded(small)
    optimizer = sgd(model)
    schedule = lr_scheduler.LambdaLR(optimizer, lambda epoch: min(1.0, epoch / 2))
    with watch(model, optimizer, tell=lambda cause: told.append(cause.name)) as seen:
        for _ in range(3):
            train_small(model, optimizer, 10)
            schedule.step()
    assert (told, names(seen)) == ([], [])


def test_a_rate_of_zero_is_taken_back_when_it_rises() -> None:
    assert names(followed(sgd, steps=30, before=stairs)) == []
    assert names(followed(lambda model: torch.optim.SGD(model.parameters(), lr=0.0), before=stairs)) == []
    assert names(followed(sgd, steps=9, before=stairs)) == ["learning rate is zero"]


def test_a_schedule_that_never_rises_is_named_at_the_end() -> None:
    seen = falling(12, lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda _: 0.0))
    assert names(seen) == ["learning rate is zero"]
    assert seen.causes[0].evidence.startswith("after 12 steps:")
