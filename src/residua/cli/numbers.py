"""How the words of a command become numbers."""

from collections.abc import Sequence
from typing import Any, get_args

import cyclopts


def exactly(kind: Any, tokens: Sequence[cyclopts.Token]) -> Any:
    """Convert words as cyclopts does, but never round: it would take `--epochs 1.5` for 2.

    Raises:
        ValueError: a fraction where a whole number is asked for.
    """
    if takes(kind, int) and not takes(kind, float):
        for token in tokens:
            if "." in token.value:
                raise ValueError(f"{token.value} is not a whole number")
    return cyclopts.convert(kind, tokens)


def takes(kind: Any, wanted: type) -> bool:
    """Return whether a type is, or is made of, another.

    >>> takes(list[int], int), takes(float | None, int)
    (True, False)
    """
    return kind is wanted or any(takes(part, wanted) for part in get_args(kind))
