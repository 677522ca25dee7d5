from typing import get_args

import pytest
import torch
from torch import nn

from residua.parts import Chain, Norm, Order, Sum, closing, convolution, wired
from tests.oracle.orders import FIGURE_4


def unit(order: Order, *, norm: Norm = "batch") -> nn.Module:
    """Return one residual unit of four channels."""
    branch = wired([convolution(4, 4), convolution(4, 4)], order=order, norm=norm)
    return closing(Sum(Chain(**branch)), name="sum", channels=4, order=order, norm=norm)


def test_the_oracle_knows_every_order() -> None:
    assert set(FIGURE_4) == set(get_args(Order))


@pytest.mark.parametrize("order", get_args(Order))
def test_every_order_is_that_of_the_figure(order: Order) -> None:
    built, x = unit(order).double(), torch.randn(5, 4, 6, 6, dtype=torch.float64)
    first, second = (module.weight for module in built.modules() if isinstance(module, nn.Conv2d))
    torch.testing.assert_close(built(x), FIGURE_4[order](x, first, second), rtol=0, atol=1e-12)


def test_the_orders_differ() -> None:
    x, state = torch.randn(5, 4, 6, 6), unit("original").state_dict()
    weights = [tensor for name, tensor in state.items() if "conv" in name]
    outputs = [compute(x, *weights) for compute in FIGURE_4.values()]
    assert all(not torch.allclose(a, b) for i, a in enumerate(outputs) for b in outputs[:i])


@pytest.mark.parametrize("order", get_args(Order))
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_every_norm_has_the_channels_of_what_it_follows(order: Order, norm: Norm) -> None:
    widths = [convolution(8, 16, kernel=1), convolution(16, 16), convolution(16, 32, kernel=1)]
    branch = Chain(**wired(widths, order=order, norm=norm))
    assert branch(torch.randn(2, 8, 4, 4)).shape == (2, 32, 4, 4)


@pytest.mark.parametrize("order", get_args(Order))
def test_without_norm_nothing_stands_in_its_place(order: Order) -> None:
    assert not any("norm" in name for name, _ in unit(order, norm="none").named_modules())


@pytest.mark.parametrize("order", get_args(Order))
def test_no_activation_works_in_place(order: Order) -> None:
    assert not any(module.inplace for module in unit(order).modules() if isinstance(module, nn.ReLU))
