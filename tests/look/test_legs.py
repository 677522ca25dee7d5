"""What the legs of a join bring is measured as it is, and the model does not notice."""

import math

import pytest
import torch
from torch import nn

from residua.look import Silent, leg_sizes, rewired
from residua.nets.build import build
from residua.nets.spec import ResNetSpec, UNetSpec
from residua.parts import Chain, Concat, PadChannels, Sum
from tests.look.models import batch, small, traces


def test_the_numbers_are_those_of_the_definition() -> None:
    layer = nn.Linear(2, 2, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    (row,) = leg_sizes(Sum(layer), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    assert (row.position, row.name, row.kind) == (0, "", "Sum")
    assert row.carried == pytest.approx(5)
    assert row.learned == pytest.approx(14 * math.sqrt(2))
    assert row.ratio == pytest.approx(14 * math.sqrt(2) / 5)


def test_a_shortcut_is_measured_after_it_has_changed_the_shape() -> None:
    halving = Sum(nn.Conv2d(1, 2, 1, stride=2), PadChannels(1, 2, stride=2))
    (row,) = leg_sizes(halving, torch.ones(1, 1, 4, 4))
    assert row.carried == pytest.approx(2)


def test_a_branch_that_says_nothing_changes_nothing() -> None:
    model = small()
    with rewired(model, {"stage2.0.sum": Silent}):
        rows = leg_sizes(model, batch()[0])
    assert [row.ratio == 0 for row in rows] == [False, True, False]


def test_blocks_that_start_as_their_shortcut_begin_at_nothing() -> None:
    spec = ResNetSpec(depths=(1,), widths=(4,), stem="cifar", stem_width=4, zero_init=True, in_channels=1)
    assert [row.ratio for row in leg_sizes(build(spec), batch()[0])] == [0]


def test_nothing_beside_something_is_no_number_too_many() -> None:
    (row,) = leg_sizes(Sum(nn.Linear(2, 2)), torch.zeros(1, 2))
    assert row.ratio == math.inf


def test_a_join_within_another_has_its_row() -> None:
    model = build(UNetSpec(widths=(2, 4, 8), in_channels=1))
    rows = leg_sizes(model, batch()[0])
    assert [row.kind for row in rows] == ["Concat", "Concat"]
    assert rows[1].name == f"{rows[0].name}.branch.deeper.skip"


def test_nothing_is_left_in_the_model() -> None:
    model = small()
    before = traces(model)
    leg_sizes(model, batch()[0])
    assert traces(model) == before


def test_nothing_is_left_after_an_error() -> None:
    model = small()
    broken = Chain(model, Concat(nn.Linear(3, 3)))
    before = traces(model)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        leg_sizes(broken, batch()[0])
    assert traces(model) == before
