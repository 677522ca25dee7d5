"""Pictures in shards: each read by itself, in an order that goes through the shards a few at a time."""

import io
from dataclasses import dataclass, field
from typing import Final, NamedTuple, final

import numpy as np
from jaxtyping import Int64

from residua.data.pictures import Header, Picture, decode_picture, header_of, named, opened, quiet
from residua.data.refusals import UnreadablePicture
from residua.data.shards.index import Samples, Shard
from residua.data.shards.parquet import HELD, content_at
from residua.data.shards.store import Store
from residua.data.split import Pictures
from residua.errors import BadData

OPEN: Final = 8
"""Shards among which samples are mixed; at 256 MB each, what is read from lies in 4 GB at any time."""


class Place(NamedTuple):
    """Where in a shard a file lies: its first byte and how many, or of a Parquet file its row."""

    offset: int
    length: int


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
        samples = self.samples
        place = Place(int(samples.offset[index]), int(samples.length[index]))
        return content_of(self.store, self.shards[samples.shard[index]], place, name=samples.names[index])

    def read(self, index: int, *, side: int | None = None) -> Picture:
        return decode_picture(self.content(index), name=self.samples.names[index], side=side)[1]

    def header(self, index: int) -> Header:
        name, file = self.samples.names[index], io.BytesIO(self.content(index))
        with named(name, file), quiet():
            return header_of(opened(file))

    def sizes(self) -> list[int]:
        return self.samples.length.tolist()  # type: ignore[no-any-return]

    def order(self, count: int, random: np.random.Generator) -> np.ndarray:
        return order_of(self.shards, self.samples, random)

    def chosen(self, indices: list[int]) -> "ShardPictures":
        rows = np.array(indices, np.int64)
        return ShardPictures(self.store, self.shards, self.samples.chosen(rows), self.rows[rows])


def content_of(store: Store, shard: Shard, place: Place, *, name: str, column: str = "picture") -> bytes:
    """Return the bytes of a file in a shard.

    Args:
        store: where the shard is.
        shard: a tar or a Parquet file.
        place: where in it the file lies; of a Parquet file the row.
        name: of the file, for an error.
        column: of a Parquet file: "picture" or "mask".

    Raises:
        UnreadablePicture: they are not there.
    """
    try:
        if shard.groups:
            cell = store.using(shard, lambda path: content_at(path, shard, place.offset, column))
            if cell is None:
                raise UnreadablePicture(name, f"{shard.name} has no bytes in its row {place.offset}")
            return cell
        found = store.read(shard, place.offset, place.length)
    except UnreadablePicture:
        raise
    except (OSError, BadData) as error:
        raise UnreadablePicture(name, f"{shard.name}: {error}") from error
    if len(found) < place.length:
        raise UnreadablePicture(name, f"{shard.name} ends before it does")
    return found


def order_of(shards: tuple[Shard, ...], samples: Samples, random: np.random.Generator) -> np.ndarray:
    """Return an order that is shuffled and reads from few shards, or from few row groups of Parquet files."""
    if not any(shard.groups for shard in shards):
        return shuffled(samples.shard, random)
    groups = row_groups(shards, samples)
    largest = int(np.bincount(groups, samples.length).max(initial=1))
    return shuffled(groups, random, among=max(1, HELD // (2 * largest)))


def row_groups(shards: tuple[Shard, ...], samples: Samples) -> Int64[np.ndarray, " count"]:
    """Return the number of the row group of each sample, counted through all Parquet files."""
    rows = np.array([sum(shard.groups) for shard in shards])
    first = np.cumsum(rows) - rows
    ends = np.cumsum([held for shard in shards for held in shard.groups])
    place = first[samples.shard] + samples.offset.astype(np.int64)
    groups: Int64[np.ndarray, " count"] = np.searchsorted(ends, place, side="right").astype(np.int64)
    return groups


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
