"""When classes are uneven."""

import pytest

from residua.data import unbalanced


@pytest.mark.parametrize(
    ("counts", "uneven"), [([30, 10], False), ([31, 10], True), ([4, 0], True), ([3, 0], False), ([], False)]
)
def test_more_than_three_times_as_many_is_uneven(counts: list[int], uneven: bool) -> None:
    assert unbalanced(counts) is uneven
