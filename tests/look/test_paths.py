"""All routes together are the gradient, in a row of blocks and in blocks around blocks."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.errors import BadInput
from residua.look import gradient_by_length, route_sum
from residua.look.paths import by_each, by_route, routes
from residua.nets.build import build
from residua.nets.spec import DenseNetSpec, UNetSpec
from residua.parts import Sum, joins
from tests.look.models import batch, small


def doubled(examples: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return examples[0].double(), examples[1]


@pytest.mark.parametrize("training", [True, False])
def test_a_residual_net(training: bool) -> None:
    found = route_sum(small(depth=2).double().train(training), doubled(batch()))
    assert (found.joins, found.routes) == (6, 64)
    assert found.relative_error < 1e-12


def test_a_densenet() -> None:
    torch.manual_seed(0)
    spec = DenseNetSpec(depths=(2, 2), growth=4, stem="cifar", stem_width=8, in_channels=1, classes=10)
    assert route_sum(build(spec).double(), doubled(batch())).relative_error < 1e-12


def test_a_unet_has_a_route_for_each_depth() -> None:
    torch.manual_seed(0)
    model = build(UNetSpec(widths=(4, 4, 8, 8), in_channels=1, classes=10)).double()
    images, _ = doubled(batch())
    masks = torch.randint(10, (8, 8, 8))
    found = route_sum(model, (images, masks))
    assert (found.joins, found.routes) == (3, 4)
    assert found.relative_error < 1e-12


def test_a_missing_route_would_be_seen() -> None:
    names = ["a", "b", "c"]
    assert len(list(routes(names))) == 8
    assert len({tuple(sorted(route.items())) for route in routes(names)}) == 8


def test_too_many_joins_are_refused() -> None:
    with pytest.raises(BadInput, match="at most 12 joins"):
        route_sum(
            nn.Sequential(*(Sum(nn.Linear(2, 2)) for _ in range(13))), (torch.ones(1, 2), torch.tensor([0]))
        )


def test_routes_together_are_what_each_is_alone() -> None:
    model, examples = small(depth=2).double().eval(), doubled(batch())
    drawn = list(routes([name for name, _ in joins(model)]))[:20]  # more than are followed at once
    together = list(by_each(model, examples, F.cross_entropy, drawn))
    assert len(together) == 20
    for gradient, route in zip(together, drawn, strict=True):
        torch.testing.assert_close(gradient, by_route(model, examples, F.cross_entropy, route))


def test_in_training_each_route_has_a_batch_of_its_own() -> None:
    model, examples = small(depth=1).double().train(), doubled(batch())
    drawn = list(routes([name for name, _ in joins(model)]))
    whole = by_route(model, examples, F.cross_entropy, {})
    total = sum(by_each(model, examples, F.cross_entropy, drawn), torch.zeros_like(whole))
    torch.testing.assert_close(total, whole)


def test_lengths_weigh_as_their_branches_do() -> None:
    """Branches that halve and keep the direction: a route of length k brings 2^-k, and there are C(n, k)."""
    model = nn.Sequential(*(Sum(nn.Linear(2, 2, bias=False)) for _ in range(5)))
    for join in model:
        join.branch.weight.data.copy_(torch.eye(2) / 2)
    rows = gradient_by_length(
        model, (torch.ones(1, 2), torch.tensor([0])), draws=3, generator=torch.Generator().manual_seed(0)
    )
    weights = [math.comb(5, k) / 2**k for k in range(6)]
    assert [row.paths for row in rows] == [math.comb(5, k) for k in range(6)]
    assert [row.share_of_gradient for row in rows] == pytest.approx([w / sum(weights) for w in weights])
    assert sum(row.share_of_paths for row in rows) == pytest.approx(1)
