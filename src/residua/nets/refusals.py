"""What no spec may hold, whatever its family: words that a field does not know, counts below 1, rates that are none."""

from collections.abc import Iterator
from numbers import Integral
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from residua.errors import BadSpec


def refuse_unknown_words(spec: msgspec.Struct) -> None:
    """Raise `BadSpec` for a word that a field does not know; the type of the field lists those that it does."""
    for name, kind in get_type_hints(type(spec)).items():
        words, given = get_args(kind), getattr(spec, name)
        if get_origin(kind) is Literal and given not in words:
            raise BadSpec(f"{name}={given!r}; it must be one of {', '.join(map(repr, words))}")


def refuse_none(spec: msgspec.Struct, *names: str) -> None:
    """Raise `BadSpec` for a count that is no whole number or below 1, in these fields and in those of every spec."""
    for name in (*names, "in_channels", "classes"):
        for count in counts(getattr(spec, name)):
            if not isinstance(count, Integral):
                raise BadSpec(f"{name} of {count!r}; it must be a whole number")
            if count < 1:
                raise BadSpec(f"{name} of {count}; there must be at least 1")


def counts(value: Any) -> Iterator[Any]:
    """Give the numbers in a field, however deep; where there is none, 0.

    >>> list(counts(3)), list(counts(((8, 16), ())))
    ([3], [8, 16, 0])
    """
    if isinstance(value, tuple | list):
        for part in value or (0,):
            yield from counts(part)
    else:
        yield value


def refuse_unpaired(spec: msgspec.Struct) -> None:
    """Raise `BadSpec` for more or fewer depths than widths: every stage has one of each."""
    depths, widths = (getattr(spec, name) for name in ("depths", "widths"))
    if len(depths) != len(widths):
        raise BadSpec(f"depths {depths} and widths {widths}; give one of each for every stage")


def refuse_rate(name: str, rate: float) -> None:
    """Raise `BadSpec` for a rate that is not a share in [0, 1)."""
    if not 0 <= rate < 1:
        raise BadSpec(f"{name} of {rate:g}; it is a share, at least 0 and below 1")
