from typing import get_args

import pytest
import torch
from msgspec.structs import replace
from torch import nn

from residua.nets.build import build
from residua.nets.spec import Order, ResNetSpec
from residua.parts import Chain, Scale, StochasticDepth, Sum, joins

SPEC = ResNetSpec(depths=(2, 2), widths=(8, 16), stem="cifar", stem_width=8, classes=3)
BOTTLENECK = replace(SPEC, block="bottleneck")


def test_stochastic_depth_grows_linearly_with_the_block() -> None:
    network = build(replace(SPEC, stochastic_depth=0.4))
    rates = [module.rate for module in network.modules() if isinstance(module, StochasticDepth)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("option", [{"zero_init": True}, {"skip_init": True}])
@pytest.mark.parametrize("order", ["original", "relu_preact"])
def test_every_block_starts_as_its_shortcut(option: dict[str, bool], order: Order) -> None:
    network = build(replace(SPEC, order=order, **option))
    for _, join in joins(network):
        assert isinstance(join.branch, Chain)
        conv = next(part for part in join.branch if isinstance(part, nn.Conv2d))
        x = torch.randn(2, conv.in_channels, 4, 4)
        assert not join.branch(x).any()
        assert torch.equal(join(x), join.shortcut(x))


def test_a_scale_closes_every_branch_before_it_is_dropped() -> None:
    network = build(replace(SPEC, skip_init=True, stochastic_depth=0.5))
    for _, join in joins(network):
        assert [type(part) for part in list(join.branch.children())[-2:]] == [Scale, StochasticDepth]


@pytest.mark.parametrize("order", get_args(Order))
def test_the_last_unit_leaves_what_the_order_needs(order: Order) -> None:
    """Pre-activated units leave a bare sum, which one more norm and ReLU close; the others close their own."""
    closed = {"relu_preact": ["relu"], "full_preact": ["norm", "relu"]}
    parts = dict(build(replace(SPEC, order=order)).named_children())
    close = [name for name, _ in parts["close"].named_children()] if "close" in parts else None
    assert close == closed.get(order)


@pytest.mark.parametrize(
    ("order", "shared"), [("full_preact", ["norm1", "relu1"]), ("relu_preact", ["relu1"])]
)
def test_a_projection_reads_what_the_branch_reads(order: Order, shared: list[str]) -> None:
    """As in the authors' code; where nothing is projected the shortcut carries the last sum itself."""
    stage = build(replace(BOTTLENECK, order=order)).get_submodule("stage2")
    assert isinstance(stage, Chain)
    projecting, identity = stage
    assert [name for name, _ in projecting.named_children()] == [*shared, "sum"]
    fork = projecting.get_submodule("sum")
    assert isinstance(fork, Sum)
    assert next(name for name, _ in fork.branch.named_children()) == "conv1"
    assert [name for name, _ in fork.shortcut.named_children()] == ["conv"]
    assert isinstance(identity, Sum)
    assert isinstance(identity.shortcut, nn.Identity)


@pytest.mark.parametrize("order", get_args(Order))
def test_a_padded_shortcut_is_never_preceded_by_anything(order: Order) -> None:
    network = build(replace(SPEC, order=order, shortcut="A"))
    assert all(name.split(".")[-1] in ("sum", "0", "1") for name, _ in joins(network))
    assert not any("norm1" in name and ".branch." not in name for name, _ in network.named_parameters())


@pytest.mark.parametrize("order", get_args(Order))
@pytest.mark.parametrize("option", ["A", "B", "C"])
def test_without_joins_the_shortcut_option_changes_nothing(order: Order, option: str) -> None:
    spec = replace(SPEC, order=order, join="none")
    names = list(build(spec).state_dict())
    assert list(build(replace(spec, shortcut=option)).state_dict()) == names
    assert list(joins(build(spec))) == []


def test_the_stride_of_a_bottleneck_is_on_its_middle() -> None:
    stage = build(BOTTLENECK).get_submodule("stage2.0.sum.branch")
    strides = [module.stride[0] for module in stage.modules() if isinstance(module, nn.Conv2d)]
    assert strides == [1, 2, 1]


def test_groups_and_width_shape_the_middle_of_a_bottleneck() -> None:
    branch = build(replace(BOTTLENECK, groups=4, widen=2)).get_submodule("stage1.0.sum.branch")
    shapes = [tuple(module.weight.shape[:2]) for module in branch.modules() if isinstance(module, nn.Conv2d)]
    assert shapes == [(16, 8), (16, 4), (32, 16)]
