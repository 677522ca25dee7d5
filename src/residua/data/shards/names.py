"""Many names in two arrays: a million of them take the bytes of their letters and eight more each."""

from collections.abc import Iterable, Sequence
from typing import final, overload

import numpy as np
from jaxtyping import UInt8, UInt64


@final
class Names(Sequence[str]):
    """Names in a fixed order, made into strings as they are asked for.

    Args:
        letters: of all names in a row, as UTF-8.
        ends: where each name ends in them.

    >>> names = Names.of(["cat/1.jpg", "dog/2.jpg"])
    >>> names[1], len(names), list(names.chosen(np.array([1])))
    ('dog/2.jpg', 2, ['dog/2.jpg'])
    """

    __slots__ = ("ends", "letters")

    def __init__(self, letters: UInt8[np.ndarray, " letters"], ends: UInt64[np.ndarray, " count"]) -> None:
        self.letters = letters
        self.ends = ends

    @classmethod
    def of(cls, names: Iterable[str]) -> "Names":
        """Return `names` packed."""
        packed = [name.encode("utf-8", "surrogateescape") for name in names]
        ends = np.cumsum([len(name) for name in packed], dtype=np.uint64)
        return cls(np.frombuffer(b"".join(packed), np.uint8), ends)

    def chosen(self, rows: np.ndarray) -> "Names":
        """Return the names at `rows`, in that order."""
        starts = np.concatenate([np.zeros(1, np.uint64), self.ends[:-1]])[rows] if len(rows) else rows
        lengths = (self.ends[rows] - starts).astype(np.int64)
        ends = np.cumsum(lengths)
        # The place of each letter: where its name begins, and how far into the name it is.
        places = np.arange(lengths.sum()) + np.repeat(starts.astype(np.int64) - (ends - lengths), lengths)
        return Names(self.letters[places], ends.astype(np.uint64))

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> "Names": ...

    def __getitem__(self, index: int | slice) -> "str | Names":
        if isinstance(index, slice):
            return self.chosen(np.arange(len(self))[index])
        place = range(len(self))[index]
        start = int(self.ends[place - 1]) if place else 0
        return self.letters[start : int(self.ends[place])].tobytes().decode("utf-8", "surrogateescape")
