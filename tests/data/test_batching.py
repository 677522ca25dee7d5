"""How samples are divided: counts, orders, and what a last batch that is smaller becomes."""

import numpy as np
import pytest

from residua.data import Batching


def permuted(samples: int, random: np.random.Generator) -> np.ndarray:
    return random.permutation(samples)


@pytest.mark.parametrize(("samples", "kept", "dropped"), [(64, 2, 2), (65, 3, 2), (31, 1, 1), (0, 0, 0)])
def test_a_last_batch_that_is_smaller_is_dropped_unless_it_is_the_only_one(
    samples: int, kept: int, dropped: int
) -> None:
    assert Batching(size=32).count(samples) == kept
    assert Batching(size=32, drop_last=True).count(samples) == dropped


def test_an_order_is_of_its_seed_and_epoch_alone() -> None:
    shuffling = Batching(size=4, seed=1, shuffle=True)
    first = shuffling.order(1, 50, permuted)
    assert sorted(first.tolist()) == list(range(50))
    assert first.tolist() == shuffling.order(1, 50, permuted).tolist()
    assert first.tolist() != shuffling.order(2, 50, permuted).tolist()
    assert first.tolist() != Batching(size=4, seed=2, shuffle=True).order(1, 50, permuted).tolist()
    assert Batching(size=4).order(1, 5, permuted).tolist() == [0, 1, 2, 3, 4]
