"""Whether some classes have so few pictures that training has to weight them."""

from collections.abc import Collection

_MOST = 3


def unbalanced(counts: Collection[int]) -> bool:
    """Return whether the largest class has more than three times the pictures of the smallest.

    >>> unbalanced([30, 10]), unbalanced([30, 3])
    (False, True)
    """
    return bool(counts) and max(counts) > _MOST * max(1, min(counts))
