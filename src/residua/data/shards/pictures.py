"""Pictures in shards: each read by itself, in an order that goes through the shards a few at a time."""

import io
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
from jaxtyping import Int64

from residua.data.pictures import Header, Picture, decode_picture, header_of, named, opened, quiet
from residua.data.refusals import UnreadablePicture
from residua.data.shards.index import Samples, Shard
from residua.data.shards.store import Store
from residua.data.split import Pictures
from residua.errors import BadData

OPEN: Final = 8
"""Shards among which samples are mixed; at 256 MB each, what is read from lies in 4 GB at any time."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class ShardPictures(Pictures):
    """Pictures in the shards of a store; the arrays of `samples` are all that grows with their number.

    Attributes:
        store: where the shards are.
        shards: by their numbers.
        samples: where each picture lies.
        rows: which row of the whole index each picture is.
    """

    store: Store
    shards: tuple[Shard, ...] = field(repr=False)
    samples: Samples = field(repr=False)
    rows: Int64[np.ndarray, " count"] = field(repr=False)

    def content(self, index: int) -> bytes:
        """Return the bytes of the file that picture `index` was.

        Raises:
            UnreadablePicture: they are not there.
        """
        shard = self.shards[self.samples.shard[index]]
        length = int(self.samples.length[index])
        try:
            found = self.store.read(shard, int(self.samples.offset[index]), length)
        except (OSError, BadData) as error:
            raise UnreadablePicture(self.samples.names[index], f"{shard.name}: {error}") from error
        if len(found) < length:
            raise UnreadablePicture(self.samples.names[index], f"{shard.name} ends before it does")
        return found

    def read(self, index: int, *, side: int | None = None) -> Picture:
        return decode_picture(self.content(index), name=self.samples.names[index], side=side)[1]

    def header(self, index: int) -> Header:
        name, file = self.samples.names[index], io.BytesIO(self.content(index))
        with named(name, file), quiet():
            return header_of(opened(file))

    def sizes(self) -> list[int]:
        return self.samples.length.tolist()  # type: ignore[no-any-return]

    def order(self, count: int, random: np.random.Generator) -> np.ndarray:
        return shuffled(self.samples.shard, random)

    def chosen(self, indices: list[int]) -> "ShardPictures":
        rows = np.array(indices, np.int64)
        return ShardPictures(self.store, self.shards, self.samples.chosen(rows), self.rows[rows])


def shuffled(shard: np.ndarray, random: np.random.Generator, *, among: int = OPEN) -> np.ndarray:
    """Return an order of all samples that is shuffled, and reads from about `2 * among` shards at any time.

    The shards are put in a random order, and then each sample moves back by a random number of places, up to as
    many as lie in `among` shards. All of it follows from `random`, so any part of an epoch can be read again.

    Args:
        shard: the number of the shard of each sample.
        random: where the order is drawn from.
        among: shards among which samples are mixed; where there are no more, the order is any.

    >>> order = shuffled(np.repeat(np.arange(100), 10), np.random.default_rng(0), among=2)
    >>> sorted(order.tolist()) == list(range(1000)), len(set((order[:100] // 10).tolist()))
    (True, 11)
    """
    count = len(shard)
    numbers = np.unique(shard)
    if len(numbers) <= among:
        return random.permutation(count)
    turn = np.zeros(int(numbers.max()) + 1, np.int64)
    turn[numbers] = random.permutation(len(numbers))
    places = np.empty(count)
    # Ties within a shard are broken at random: neighbours in a file are no neighbours here.
    places[np.lexsort((random.random(count), turn[shard]))] = np.arange(count)
    return np.argsort(places + random.random(count) * (count * among / len(numbers)), kind="stable")
