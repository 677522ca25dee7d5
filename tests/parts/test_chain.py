import pytest
import torch
from torch import nn

from residua.parts import Chain


@pytest.fixture
def chain() -> Chain:
    return Chain(nn.Conv2d(1, 2, 1), nn.ReLU(), head=nn.Conv2d(2, 3, 1))


def test_parts_are_applied_in_order(chain: Chain) -> None:
    x = torch.randn(2, 1, 3, 3)
    first, second, head = chain
    assert torch.equal(chain(x), head(second(first(x))))


def test_positions_and_names_reach_the_same_parts(chain: Chain) -> None:
    assert [name for name, _ in chain.named_children()] == ["0", "1", "head"]
    assert chain["head"] is chain[2] is chain[-1]
    assert chain["0"] is chain[0]
    assert len(chain) == 3


def test_a_path_of_names_reaches_into_chains_within() -> None:
    inner = nn.ReLU()
    assert Chain(outer=Chain(inner=inner))["outer.inner"] is inner


def test_a_slice_is_a_chain_of_the_same_parts_under_the_same_names(chain: Chain) -> None:
    rest = chain[1:]
    assert isinstance(rest, Chain)
    assert [name for name, _ in rest.named_children()] == ["1", "head"]
    assert list(rest) == list(chain)[1:]


def test_a_part_that_stands_twice_is_applied_twice() -> None:
    twice = nn.Linear(2, 2, bias=False)
    x = torch.randn(1, 2)
    chain = Chain(twice, twice)
    assert len(chain) == len(list(chain)) == 2
    assert torch.equal(chain(x), twice(twice(x)))
    assert torch.equal(chain[:2](x), chain(x))


def test_an_empty_chain_gives_what_it_gets() -> None:
    x = torch.randn(2, 3)
    assert Chain()(x) is x
    assert len(Chain()) == 0


def test_what_is_not_there_is_an_error(chain: Chain) -> None:
    with pytest.raises(IndexError):
        chain[3]
    with pytest.raises(AttributeError):
        chain["tail"]


def test_the_printed_chain_shows_the_names(chain: Chain) -> None:
    assert "(head): Conv2d(2, 3" in repr(chain)
