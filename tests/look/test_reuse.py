"""What a dense block reads is counted from its weights, source by source."""

import torch
from torch import nn

from residua.look import reuse
from residua.nets.build import build
from residua.nets.spec import DenseNetSpec
from residua.parts import Concat, Sum


def test_every_layer_reads_all_before_it() -> None:
    spec = DenseNetSpec(depths=(3, 2), growth=4, bottleneck=False, stem="cifar", stem_width=8, classes=5)
    rows = reuse(build(spec))
    blocks = list(dict.fromkeys(row.block for row in rows))
    assert len(blocks) == 2
    first = [(row.place, row.source) for row in rows if row.block == blocks[0]]
    # The reader after the block, a transition, reads all three layers and what came in.
    assert first == [(place, source) for place in (1, 2, 3, 4) for source in range(place)]
    for place in (1, 2, 3):
        assert max(row.relative for row in rows if row.block == blocks[0] and row.place == place) == 1


def test_the_weights_are_means_of_their_channels() -> None:
    second = nn.Conv2d(3, 1, 1, bias=False)
    with torch.no_grad():
        second.weight.copy_(torch.tensor([1.0, -3.0, 8.0]).view(1, 3, 1, 1))
    block = nn.Sequential(Concat(nn.Conv2d(2, 1, 1)), Concat(second))
    read = [(row.source, row.weight, row.relative) for row in reuse(nn.Sequential(block)) if row.place == 2]
    assert read == [(0, 2.0, 0.25), (1, 8.0, 1.0)]


def test_a_network_without_a_dense_block_has_no_rows() -> None:
    assert reuse(nn.Sequential(Sum(nn.Linear(2, 2)))) == ()
