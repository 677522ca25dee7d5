"""One pass along memory gives the bits of PyTorch's fused optimisers, whatever the layout of the weights."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from residua.optim.one_pass import SGD, AdamW

Make = Callable[[list[Tensor]], torch.optim.Optimizer]
MOMENTUM: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "fused": True}
PLAIN: dict[str, Any] = {"lr": 0.1, "weight_decay": 0.01, "fused": True}
PAIRS: dict[str, tuple[Make, Make]] = {
    "sgd": (lambda weights: SGD(weights, **MOMENTUM), lambda weights: torch.optim.SGD(weights, **MOMENTUM)),
    "no momentum": (lambda weights: SGD(weights, **PLAIN), lambda weights: torch.optim.SGD(weights, **PLAIN)),
    "adamw": (lambda weights: AdamW(weights, **PLAIN), lambda weights: torch.optim.AdamW(weights, **PLAIN)),
}


def weights_like(seed: int) -> list[Tensor]:
    """Return a kernel that lies channels last, one that does not, one with a single pixel, a matrix and a bias."""
    torch.manual_seed(seed)
    last = torch.randn(8, 6, 3, 3).to(memory_format=torch.channels_last)
    return [last, torch.randn(4, 5, 3, 3), torch.randn(4, 5, 1, 1), torch.randn(3, 4), torch.randn(7)]


@pytest.mark.parametrize("name", PAIRS)
def test_the_bits_are_those_of_pytorch(name: str) -> None:
    """The layout of a gradient may be another than that of its weight."""
    ours, theirs = ([nn.Parameter(w) for w in weights_like(0)] for _ in range(2))
    first, second = PAIRS[name][0](list(ours)), PAIRS[name][1](list(theirs))
    for step in range(4):
        for mine, other, gradient in zip(ours, theirs, weights_like(step + 1), strict=True):
            mine.grad, other.grad = gradient.clone(), gradient.clone()
        if step == 2:
            assert ours[0].grad is not None
            ours[0].grad = ours[0].grad.contiguous()
        first.step()
        second.step()
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.equal(mine, other)
        assert mine.stride() == other.stride()


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_states_go_from_one_to_the_other(name: str) -> None:
    ours, theirs = PAIRS[name]
    weights = [nn.Parameter(w) for w in weights_like(0)]
    before = theirs(list(weights))
    for weight, gradient in zip(weights, weights_like(1), strict=True):
        weight.grad = gradient
    before.step()
    again = copy.deepcopy(weights)
    after = ours(list(again))
    after.load_state_dict(copy.deepcopy(before.state_dict()))
    for weight, other, gradient in zip(weights, again, weights_like(2), strict=True):
        weight.grad, other.grad = gradient, gradient.clone()
    before.step()
    after.step()
    assert all(torch.equal(one, other) for one, other in zip(weights, again, strict=True))
    assert after.state_dict()["state"].keys() == before.state_dict()["state"].keys()


def test_what_has_no_gradient_stays() -> None:
    weights = [nn.Parameter(w) for w in weights_like(0)]
    weights[0].grad = torch.ones_like(weights[0])
    kept = [weight.detach().clone() for weight in weights]
    SGD(list(weights), **MOMENTUM).step()
    assert [torch.equal(w, k) for w, k in zip(weights, kept, strict=True)] == [False, True, True, True, True]


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_moments_in_another_order_are_brought_into_that_of_their_weight(name: str) -> None:
    """As they come from a file that keeps no order; PyTorch's fused kernels would take them for one another."""
    ours = PAIRS[name][0]
    weights = [nn.Parameter(w) for w in weights_like(0)]
    again = copy.deepcopy(weights)
    first, second = ours(list(weights)), ours(list(again))
    for step in range(3):
        for weight, other, gradient in zip(weights, again, weights_like(step + 1), strict=True):
            weight.grad, other.grad = gradient, gradient.clone()
        if step:
            for state in second.state.values():
                for key, value in list(state.items()):
                    state[key] = value.contiguous()
        first.step()
        second.step()
    assert all(torch.equal(one, other) for one, other in zip(weights, again, strict=True))


def test_a_closure_gives_its_loss() -> None:
    weight = nn.Parameter(torch.ones(2, 2))

    def loss() -> float:
        value = weight.square().sum()
        torch.autograd.backward(value)
        return float(value.item())

    assert SGD([weight], lr=0.1, fused=True).step(loss) == 4.0
