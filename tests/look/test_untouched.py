"""What happens under `untouched` leaves no trace."""

from collections import deque

import pytest
import torch
from torch import Tensor, nn

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


class Counting(nn.Module):
    """A layer that keeps count, and what it has seen, in attributes of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.seen: list[Tensor] = []
        self.named: dict[str, Tensor] = {}
        self.last: deque[Tensor] = deque(maxlen=2)
        self.kinds: set[int] = {3}

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen.append(x)
        self.last.append(x)
        self.named["last"] = x
        self.kinds.add(len(x))
        self.new = x
        return x


def test_what_a_module_keeps_for_itself_is_put_back() -> None:
    model = nn.Sequential(Counting())
    first = torch.ones(2)
    model[0].seen.append(first)
    held = model[0].seen
    with pytest.raises(ValueError, match="stop"), untouched(model):
        for _ in range(3):
            model(torch.ones(4))
        raise ValueError("stop")
    assert model[0].calls == 0 and model[0].seen is held and held[0] is first and len(held) == 1
    assert (model[0].named, list(model[0].last), model[0].kinds) == ({}, [], {3})
    assert "new" not in vars(model[0])
