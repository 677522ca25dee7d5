"""The gradient splits over the legs of the forks, and nothing but a fork splits it."""

import torch
from hypothesis import given, settings
from torch import nn

from residua.nets.build import build
from residua.nets.spec import DenseNetSpec, ResNetSpec, smallest
from residua.parts import Chain, Concat, Sum, joins
from tests.nets.strategies import densenets, resnets
from tests.oracle.routes import routes, whole

forked = resnets(stages=2).filter(lambda spec: spec.join == "sum" and not spec.skip_init)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(forked | densenets())
def test_all_routes_together_are_the_whole_gradient(spec: ResNetSpec | DenseNetSpec) -> None:
    torch.manual_seed(0)
    network = build(spec).double().eval()
    side = smallest(spec) + 2
    x = torch.randn(2, spec.in_channels, side, side, dtype=torch.float64)
    parts = list(routes(network, x))
    expected = whole(network, x)
    assert len(parts) == 2 ** len(list(joins(network)))
    assert (sum(parts, torch.zeros_like(x)) - expected).norm() <= 1e-12 * expected.norm()


def test_one_fork_has_the_two_routes_that_one_can_write_down() -> None:
    x, branch = torch.randn(3, 4, dtype=torch.float64), nn.Linear(4, 4, dtype=torch.float64)
    carried, learned = (torch.ones_like(x), branch.weight.sum(0).expand_as(x))
    for found, expected in zip(routes(Sum(branch), x), (carried, learned), strict=True):
        torch.testing.assert_close(found, expected)


def test_forks_within_forks_are_walked_too() -> None:
    model = Chain(Concat(Chain(Sum(nn.ReLU()))))
    assert len(list(routes(model, torch.randn(2, 3)))) == 4
