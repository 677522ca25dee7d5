"""Processes that meet in a store in which others, that are gone, have left their words."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from torch.distributed import HashStore

from residua.errors import LostProcess
from residua.training.distributed.ranks import Ranks, agreed_place

PATIENCE = timedelta(seconds=20)


def meeting(store: HashStore, size: int = 3) -> set[str]:
    """Return the places that all processes of a meeting are told."""
    with ThreadPoolExecutor(size) as pool:
        return set(pool.map(lambda rank: agreed_place(store, Ranks(rank, size), PATIENCE), range(size)))


def test_all_are_told_one_place_and_never_an_old_one() -> None:
    store = HashStore()
    places = [meeting(store) for _ in range(3)]
    assert [len(found) for found in places] == [1, 1, 1]
    assert len(set().union(*places)) == 3


def test_words_of_one_that_is_gone_are_not_taken_for_a_process() -> None:
    store = HashStore()
    store.set("question/1", "of a process that was killed before it was answered")
    assert len(meeting(store, size=2)) == 1


def test_who_does_not_come_is_missed() -> None:
    store = HashStore()
    store.set("question/1", "of a process that is gone")
    with pytest.raises(LostProcess, match="1 came within 0 s"):
        agreed_place(store, Ranks(0, 2), timedelta(seconds=0.1))
