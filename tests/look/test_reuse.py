"""The map of a dense block says which weights are on which channels."""

import pytest
import torch
from torch import nn

from residua.look import ReuseRow, reuse
from residua.nets.build import build
from residua.nets.network import Network
from residua.nets.spec import DenseNetSpec
from residua.parts import Chain, Concat
from tests.look.models import small, traces

STEM, GROWTH = 16, 8


def dense(*, bottleneck: bool = False) -> Network:
    """Return an untrained DenseNet of two blocks with two layers each."""
    torch.manual_seed(0)
    return build(
        DenseNetSpec(
            depths=(2, 2),
            growth=GROWTH,
            bottleneck=bottleneck,
            stem="cifar",
            stem_width=STEM,
            in_channels=1,
            classes=10,
        )
    )


def test_every_layer_reads_what_came_before_it() -> None:
    rows = reuse(dense())
    places = [(row.place, row.source) for row in rows if row.block == "stage1"]
    assert places == [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
    assert [(row.place, row.source) for row in rows if row.block == "stage2"] == places


@pytest.mark.parametrize("bottleneck", [False, True])
def test_the_first_convolution_of_a_layer_reads_and_then_what_follows_the_block(bottleneck: bool) -> None:
    readers = list(dict.fromkeys(row.reader for row in reuse(dense(bottleneck=bottleneck))))
    assert readers == [
        *("stage1.0.branch.conv1", "stage1.1.branch.conv1", "transition1.conv1"),
        *("stage2.0.branch.conv1", "stage2.1.branch.conv1", "head.linear"),
    ]


def test_the_numbers_are_those_of_the_definition() -> None:
    model = dense()
    weights = model.get_parameter("transition1.conv1.weight").detach().abs()
    inputs = weights[:, :STEM], weights[:, STEM : STEM + GROWTH], weights[:, STEM + GROWTH :]
    means = [part.mean().item() for part in inputs]
    rows = [row for row in reuse(model) if row.reader == "transition1.conv1"]
    assert [row.weight for row in rows] == pytest.approx(means)
    assert [row.relative for row in rows] == pytest.approx([mean / max(means) for mean in means])


def test_the_start_is_flat() -> None:
    """A map of weights that training has not moved says nothing."""
    assert min(row.relative for row in reuse(dense())) > 0.75


def test_a_source_that_nobody_reads_is_seen() -> None:
    model = dense()
    model.get_parameter("stage2.1.branch.conv1.weight").data[:, -GROWTH:] = 0
    unread = [(row.reader, row.source) for row in reuse(model) if row.weight == 0]
    assert unread == [("stage2.1.branch.conv1", 1)]


def test_a_layer_that_reads_nothing_has_no_size_to_compare_with() -> None:
    layer = nn.Linear(2, 2)
    nn.init.zeros_(layer.weight)
    assert reuse(nn.Sequential(Concat(layer))) == (ReuseRow("", "0.branch", 1, 0, 0.0, 0.0),)


def test_a_model_without_dense_blocks_has_no_rows() -> None:
    assert reuse(small()) == ()
    assert reuse(Chain(Concat(nn.Identity()), Concat(nn.Linear(4, 2)))) == ()


def test_layers_that_do_not_take_the_channels_as_they_come_are_left_out() -> None:
    grouped = nn.Conv2d(8, 4, 1, groups=2)
    block = Chain(Concat(nn.Conv2d(4, 4, 1)), Concat(grouped))
    model = Chain(block=block, flatten=nn.Flatten(), linear=nn.Linear(12 * 9, 2))
    assert model(torch.zeros(1, 4, 3, 3)).shape == (1, 2)
    assert [row.reader for row in reuse(model)] == ["block.0.branch"]


def test_nothing_is_left_in_the_model() -> None:
    model = dense()
    before = traces(model)
    reuse(model)
    assert traces(model) == before
