"""What happens under `untouched` leaves no trace."""

import pytest
import torch
from torch import nn

from residua.look import untouched
from tests.look.models import batch, small, traces


def work(model: nn.Module) -> None:
    images, labels = batch()
    model.train()
    nn.functional.cross_entropy(model(images), labels).backward()
    model.eval()
    torch.rand(3)


def test_no_trace_is_left() -> None:
    model = small()
    before = traces(model)
    with untouched(model):
        work(model)
    assert traces(model) == before


def test_no_trace_is_left_after_an_error() -> None:
    model = small()
    before = traces(model)
    with pytest.raises(RuntimeError, match="half-way"), untouched(model):
        work(model)
        raise RuntimeError("half-way")
    assert traces(model) == before


def test_frozen_parameters_have_gradients_within() -> None:
    model = small()
    model.requires_grad_(False)
    with untouched(model):
        work(model)
        assert all(parameter.grad is not None for parameter in model.parameters())
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_buffer_that_two_modules_share_stays_shared() -> None:
    one, other = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    other.running_mean = one.running_mean
    model = nn.Sequential(one, other)
    with untouched(model):
        assert one.running_mean is other.running_mean
