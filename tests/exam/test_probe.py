"""A probe goes on where the first steps teach little, sees other samples at each step, and says how long it takes."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.exam import ProbeRow, diagnose, probe
from residua.exam.probe import PATIENCE, Counted, affordable, in_turn
from residua.exam.trial import ENOUGH, LEAST, STEPS, Trial
from tests.exam.nets import batch, plain, residual, seeded


class Placed(nn.Module):
    """Gives a layer its own parameter as an input, as networks with learned places do."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(1, 64))
        self.mix = nn.Linear(64, 4)
        self.head = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(x.flatten(1)) + self.mix(self.place))  # type: ignore[no-any-return]


def test_the_work_of_a_recurrent_layer_is_counted() -> None:
    layer = nn.LSTM(8, 16, batch_first=True)
    with torch.no_grad(), Counted() as counted:
        layer(torch.zeros(4, 5, 8))
    assert counted.work == 2 * 4 * 5 * 64 * (8 + 16)


class Faint(nn.Module):
    """Answers so small that little is learned in a step."""

    def forward(self, x: Tensor) -> Tensor:
        return x / 50


def row(losses: list[float], *, lost: bool = False) -> ProbeRow:
    return ProbeRow(
        kind="SGD", factor=None, lr=0.1, losses=tuple(losses), blind=tuple([2.0] * len(losses)), lost=lost
    )


def test_what_learns_at_once_is_asked_once() -> None:
    (only,) = probe(seeded(residual), batch(), loss=F.cross_entropy, optimizer=None)
    assert only.steps == STEPS
    assert only.learned >= ENOUGH
    assert only.pace <= STEPS + 1


def test_the_most_promising_way_goes_on() -> None:
    model = nn.Sequential(nn.Flatten(), seeded(lambda: nn.Linear(64, 4)), Faint())
    rows = probe(model, batch(), loss=F.cross_entropy, optimizer=None)
    assert len(rows) == 3
    longest = max(rows, key=lambda one: one.steps)
    assert longest.steps > STEPS
    assert longest.learned == max(one.learned for one in rows)
    assert sum(one.steps > STEPS for one in rows) == 1


def test_with_an_optimiser_its_own_rate_goes_on() -> None:
    model = seeded(plain)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    rows = probe(model, batch(), loss=F.cross_entropy, optimizer=optimizer)
    assert [one.factor for one in rows] == [1.0, 0.1, 10.0]
    assert rows[0].steps > STEPS
    assert [one.steps for one in rows[1:]] == [STEPS, STEPS]


def test_each_step_sees_other_samples() -> None:
    inputs = torch.arange(200.0)[:, None]
    parts = in_turn(nn.Linear(1, 2), (inputs, torch.zeros(200, dtype=torch.long)))
    assert [int(part[0, 0]) for part, _ in parts] == [0, 64, 128]


def test_the_work_of_a_pass_is_counted_for_any_model() -> None:
    model, (inputs, _) = Placed(), batch(8)
    with torch.no_grad(), Counted() as counted:
        model(inputs)
    assert counted.work == 2 * (9 * 64 * 4 + 8 * 4 * 4)
    assert affordable(model, (inputs, inputs)) == PATIENCE


def test_a_lost_loss_has_learned_nothing_and_is_as_slow_as_can_be() -> None:
    found = row([2.0, 1.0], lost=True)
    assert found.learned == 0
    assert found.pace == STEPS * ENOUGH / LEAST


def test_the_pace_is_when_enough_was_learned_for_good() -> None:
    falls = [2.0, 2.0, 2.0, 2.0, *[1.0] * 10]
    rises = [2.0, 1.0, 1.0, 1.0, *[2.0] * 10]
    assert row(falls).pace < STEPS
    assert row(rises).pace == len(rises[1:]) * ENOUGH / LEAST


def test_an_answer_without_a_gradient_is_asked_as_often() -> None:
    model = nn.Flatten()
    trial = Trial(model, torch.optim.SGD([torch.zeros(1)], lr=0.1), None)
    trial.go([(torch.randn(8, 4), torch.zeros(8, dtype=torch.long))], F.cross_entropy, steps=STEPS)
    assert trial.row().steps == STEPS


@pytest.mark.parametrize("depth", ["still", "probe"])
def test_a_longer_training_is_likelier_to_come_to_something(depth: str) -> None:
    model = seeded(plain, 7, norm=False)
    brief, longer = (diagnose(model, batch(), depth=depth, steps=steps).probability for steps in (100, 1000))
    assert brief < longer
    assert diagnose(model, batch(), depth=depth, steps=10**6).probability == longer
