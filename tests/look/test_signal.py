"""The size of the signal is measured where it is, and the model does not notice."""

import pytest
import torch
from torch import nn

from residua.look import Signal, signal
from residua.parts import Join
from tests.look.models import batch, small, traces


def test_every_layer_and_join_has_a_row_in_order() -> None:
    rows = signal(small(), batch()[0])
    assert [row.position for row in rows] == list(range(len(rows)))
    assert rows[0].name == "stem.conv"
    assert rows[-1].name == "head.linear"
    assert [row.name for row in rows if row.kind == "Sum"] == ["stage1.0.sum", "stage2.0.sum", "stage3.0.sum"]


def test_the_numbers_are_those_of_the_definition() -> None:
    x = torch.tensor([[1.0, -2.0], [3.0, 4.0]])
    assert signal(nn.Sequential(nn.ReLU()), x) == (Signal(0, "0", "ReLU", 26 / 4, (2.0 + 8.0) / 2, 0.25),)


def test_only_one_kind_can_be_asked_for() -> None:
    assert len(signal(small(), batch()[0], only=Join)) == 3


def test_a_batch_of_one_has_no_variance() -> None:
    assert signal(nn.ReLU(), torch.ones(1, 3))[0].unit_variance == 0


def test_nothing_is_left_in_the_model() -> None:
    model = small()
    before = traces(model)
    signal(model, batch()[0])
    assert traces(model) == before


def test_nothing_is_left_after_an_error() -> None:
    model = small()
    before = traces(model)
    with pytest.raises(RuntimeError, match="too late"):
        signal(nn.Sequential(model, Broken()), batch()[0])
    assert traces(model) == before


class Broken(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("too late")
