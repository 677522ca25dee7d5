import pytest
import torch

from residua.nets.build import build
from residua.nets.spec import TiramisuSpec
from residua.nets.tiramisu import Newest
from residua.parts import Concat, joins

SMALL = TiramisuSpec(depths=(2, 3, 4), growth=4, stem_width=6)


def test_every_layer_and_every_size_but_the_lowest_is_joined() -> None:
    found = list(joins(build(SMALL)))
    assert all(isinstance(fork, Concat) for _, fork in found)
    assert len(found) == 2 * (2 + 3) + 4 + 2
    assert [name for name, _ in found if name.endswith("skip")] == [
        "body.part.skip",
        "body.part.skip.branch.deeper.skip",
    ]


def test_only_what_the_block_below_has_learned_is_enlarged() -> None:
    newest = [part for part in build(SMALL).modules() if isinstance(part, Newest)]
    # The layers of the block below, times the growth; what lies deeper comes first.
    assert [part.channels for part in newest] == [4 * 4, 3 * 4]
    x = torch.arange(5.0).view(1, 5, 1, 1)
    assert Newest(2)(x).flatten().tolist() == [3, 4]


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (37, 50), (64, 64)])
def test_any_size_comes_out_at_its_own_size(size: tuple[int, int]) -> None:
    assert build(SMALL).eval()(torch.randn(2, 3, *size)).shape == (2, 2, *size)
