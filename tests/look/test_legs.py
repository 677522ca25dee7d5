"""The legs of a join are as large as arithmetic says, and the model is left as it was."""

import torch
from torch import nn

from residua.look import Scaled, leg_sizes
from residua.parts import Concat, Sum
from tests.look.models import batch, small, traces


def test_the_size_of_a_branch_is_that_of_its_scale() -> None:
    model = nn.Sequential(Sum(Scaled(nn.Identity(), 0.25)), Sum(Scaled(nn.Identity(), 2.0)))
    rows = leg_sizes(model, torch.ones(1, 16))
    assert [row.ratio for row in rows] == [0.25, 2.0]
    assert [row.carried for row in rows] == [4.0, 5.0]


def test_a_shortcut_that_brings_nothing() -> None:
    (row,) = leg_sizes(nn.Sequential(Concat(nn.Identity())), torch.zeros(2, 3))
    assert row.ratio == float("inf")


def test_the_model_is_left_as_it_was() -> None:
    model = small(depth=2)
    before = traces(model)
    leg_sizes(model, batch()[0])
    assert traces(model) == before
