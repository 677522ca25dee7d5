import pytest
import torch
from msgspec.structs import replace
from torch import nn

from residua.nets.build import build
from residua.nets.cost import parameters
from residua.nets.spec import ResNetSpec, UNetSpec
from residua.parts import Concat, Sum, joins

PAPER = UNetSpec(widths=(4, 8, 16), in_channels=1)
ENCODER = ResNetSpec(depths=(1, 1, 1), widths=(4, 8, 16), stem_width=4)
SMALL = replace(ENCODER, stem="cifar")
PREACT = replace(ENCODER, order="full_preact")
AROUND = {
    "imagenet": UNetSpec(widths=(16, 8, 8, 4), encoder=ENCODER),
    "cifar": UNetSpec(widths=(8, 4), encoder=SMALL),
    "preact": UNetSpec(widths=(16, 8, 8, 4), encoder=PREACT),
}


@pytest.mark.parametrize(("join", "kind"), [("concat", Concat), ("sum", Sum)])
def test_every_level_but_the_lowest_is_joined(join: str, kind: type) -> None:
    found = list(joins(build(replace(PAPER, join=join))))
    assert [name for name, _ in found] == ["body.part.skip", "body.part.skip.branch.deeper.skip"]
    assert all(isinstance(fork, kind) and isinstance(fork.shortcut, nn.Identity) for _, fork in found)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(("join", "kind"), [("concat", Concat), ("sum", Sum)])
def test_every_size_of_an_encoder_is_joined(around: str, join: str, kind: type) -> None:
    spec = AROUND[around]
    skips = [fork for name, fork in joins(build(replace(spec, join=join))) if name.endswith("skip")]
    assert len(skips) == len(spec.widths) - (around != "cifar")  # nothing at full size to join with
    assert all(isinstance(fork, kind) for fork in skips)


@pytest.mark.parametrize("around", AROUND)
def test_without_joins_only_the_encoder_forks(around: str) -> None:
    spec = replace(AROUND[around], join="none")
    assert spec.encoder is not None
    assert len(list(joins(build(spec)))) == sum(spec.encoder.depths)
    plain = replace(spec, encoder=replace(spec.encoder, join="none"))
    assert list(joins(build(plain))) == []
    assert build(plain)(torch.randn(2, 3, 37, 50)).shape == (2, 2, 37, 50)


def test_the_encoder_keeps_the_names_and_numbers_of_its_own_network() -> None:
    """So that weights trained for classification can be carried over piece by piece."""
    torch.manual_seed(0)
    alone = build(ENCODER)
    trunk = [tuple(p.shape) for name, p in alone.named_parameters() if not name.startswith("head")]
    within = build(AROUND["imagenet"])
    shapes = [
        tuple(p.shape)
        for name, p in within.named_parameters()
        if "decode" not in name and not name.startswith("head")
    ]
    assert shapes == trunk


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (37, 50), (64, 64)])
def test_any_size_comes_out_at_its_own_size(size: tuple[int, int]) -> None:
    for spec in (PAPER, *AROUND.values()):
        assert build(spec).eval()(torch.randn(2, spec.in_channels, *size)).shape == (2, 2, *size)


def test_residual_blocks_are_the_double_convolutions_with_a_shortcut_around_them() -> None:
    plain, residual = (
        build(replace(PAPER, norm="batch")),
        build(replace(PAPER, norm="batch", block="residual")),
    )
    blocks = [name for name, fork in joins(residual) if isinstance(fork, Sum)]
    assert len(blocks) == 2 * len(PAPER.widths) - 1
    projections = sum(p.numel() for name, p in residual.named_parameters() if ".shortcut." in name)
    assert parameters(residual) - projections == parameters(plain)
