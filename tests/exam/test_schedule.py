"""What a schedule is about to do to the rates is seen before the first step, and leaves no trace."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler as schedules

import residua
from residua.exam import diagnose
from residua.exam.schedule import AHEAD, foretold, schedules_of

ENDED = "schedule has ended"
Make = Callable[[torch.optim.Optimizer], object]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 4))


def samples() -> tuple[Tensor, Tensor]:
    inputs = torch.randn(128, 8, generator=torch.Generator().manual_seed(0))
    return inputs, inputs[:, :4].argmax(1)


def seen(make: Make, **settings: Any) -> tuple[list[str], float]:
    """Return the causes in an exam of a network whose rates have this schedule, and the highest rate."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), **({"lr": 0.1} | settings))
    kept = make(optimizer)
    before = [dict(group) for group in optimizer.param_groups]
    found = diagnose(model, samples(), optimizer=optimizer, depth="still", steps=500)
    assert [dict(group) for group in optimizer.param_groups] == before
    assert getattr(kept, "last_epoch", 0) == 0
    assert found.seen.optimisation is not None
    return [cause.name for cause in found.causes], found.seen.optimisation.lr


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: schedules.LambdaLR(optimizer, lambda step: 1.0 if step == 0 else 0.0),
        lambda optimizer: schedules.StepLR(optimizer, 1, gamma=1e-4),
        lambda optimizer: schedules.PolynomialLR(optimizer, total_iters=1),
        lambda optimizer: schedules.ExponentialLR(optimizer, 0.01),
    ],
    ids=["lambda", "step", "polynomial", "exponential"],
)
def test_a_schedule_that_ends_at_once_is_named(make: Make) -> None:
    assert seen(make)[0] == [ENDED]


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: schedules.CosineAnnealingLR(optimizer, 500),
        lambda optimizer: schedules.MultiStepLR(optimizer, [3, 6, 9]),
        lambda optimizer: schedules.ExponentialLR(optimizer, 0.5),
        lambda optimizer: schedules.ReduceLROnPlateau(optimizer),
        lambda optimizer: schedules.CyclicLR(optimizer, 0.001, 0.1),
        lambda optimizer: [schedules.StepLR(optimizer, 1, gamma=1e-4) for _ in range(2)],
    ],
    ids=["cosine", "by epochs", "half", "plateau", "cycle", "two"],
)
def test_others_are_left_alone(make: Make) -> None:
    assert ENDED not in seen(make)[0]


def test_a_warm_up_is_followed_to_its_height() -> None:
    assert seen(lambda optimizer: schedules.OneCycleLR(optimizer, 0.3, 500), lr=1e-9)[1] == pytest.approx(0.3)
    _, slow = seen(lambda optimizer: schedules.OneCycleLR(optimizer, 0.3, 50_000))
    assert slow < 0.02
    _, led = seen(
        lambda optimizer: schedules.SequentialLR(
            optimizer,
            [
                schedules.LinearLR(optimizer, 0.01, total_iters=20),
                schedules.CosineAnnealingLR(optimizer, 480),
            ],
            [20],
        )
    )
    assert led == pytest.approx(0.1)


def test_a_warm_up_that_never_ends_is_a_rate_too_low() -> None:
    names, rate = seen(
        lambda optimizer: schedules.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 5e6)), lr=0.1
    )
    assert names == ["learning rate too low"]
    assert rate == pytest.approx(1e-5, rel=0.01)


def test_a_schedule_that_cannot_be_copied_is_passed_by() -> None:
    class Writing(schedules.StepLR):
        def __init__(self, optimizer: torch.optim.Optimizer) -> None:
            self.log = Path(__file__).open()  # noqa: SIM115
            super().__init__(optimizer, 1, gamma=1e-4)

    made: list[Writing] = []

    def make(optimizer: torch.optim.Optimizer) -> object:
        made.append(Writing(optimizer))
        return made[0]

    assert seen(make)[0] == []
    made[0].log.close()


def test_a_copy_that_is_healed_knows_no_more_than_its_optimiser() -> None:
    model = nn.Sequential(network(), nn.Softmax(1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = schedules.PolynomialLR(optimizer, total_iters=1)
    healed = residua.heal(model, samples(), optimizer=optimizer, depth="still", steps=500)
    assert [edit.cause for edit in healed.edits] == ["softmax before a loss that applies one"]
    assert healed.left == (ENDED,)
    assert healed.optimizer is not None
    assert not any(AHEAD in group for one in (optimizer, healed.optimizer) for group in one.param_groups)
    assert schedule.last_epoch == 0


def test_of_several_optimisers_each_has_its_own() -> None:
    model = network()
    first = torch.optim.SGD(list(model.parameters())[:2], lr=0.1)
    second = torch.optim.Adam(list(model.parameters())[2:], lr=0.01)
    schedule = schedules.PolynomialLR(second, total_iters=1)
    found = diagnose(model, samples(), optimizer=[first, second], depth="still", steps=500)
    assert [cause.name for cause in found.causes] == [ENDED]
    assert schedules_of(first) == []
    assert schedules_of(second) == [schedule]


def test_notes_do_not_outlive_an_error() -> None:
    weight = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    schedule = schedules.StepLR(optimizer, 1)

    def failing() -> None:
        with foretold(optimizer, 10):
            assert AHEAD in optimizer.param_groups[0]
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        failing()
    assert AHEAD not in optimizer.param_groups[0]
    assert schedule.last_epoch == 0
