"""Pictures with masks in shards: each read by itself, in an order that goes through the shards a few at a time."""

import hashlib
from dataclasses import dataclass, field
from typing import final

import numpy as np
from jaxtyping import UInt32, UInt64

from residua.data.masks.encoding import MaskEncoding
from residua.data.masks.pairing import Pair
from residua.data.masks.rasters import decode_raster
from residua.data.masks.resize import with_channels_of
from residua.data.masks.split import Masked, Pairs, decoded_mask, fitting
from residua.data.masks.stored import decode_mask
from residua.data.shards.index import Samples, Shard
from residua.data.shards.opening import hash_of
from residua.data.shards.pictures import Place, content_of, order_of
from residua.data.shards.store import Store


@final
@dataclass(frozen=True, slots=True, eq=False)
class ShardPairs(Pairs):
    """Pairs in the shards of a store.

    Attributes:
        store: where the shards are.
        shards: by their numbers.
        samples: where each picture lies.
        offset: where its mask begins, or of a Parquet file its row.
        length: bytes of its mask.
        encoding: of the masks.
        channels: of the pictures.
    """

    store: Store
    shards: tuple[Shard, ...] = field(repr=False)
    samples: Samples = field(repr=False)
    offset: UInt64[np.ndarray, " count"] = field(repr=False)
    length: UInt32[np.ndarray, " count"] = field(repr=False)
    encoding: MaskEncoding
    channels: int

    def read(self, index: int, *, scale: float = 1.0) -> Masked:
        name = self.samples.names[index]
        content, mask = self.contents(index)
        picture = with_channels_of(decode_raster(content, name=name), self.channels, name)
        named = f"the mask of {name}"
        classes = decoded_mask(
            self.encoding, decode_mask(mask, name=named, beside=len(content)).stored, named
        )
        return fitting(picture, classes, Pair(name, (named,)), scale)

    def contents(self, index: int) -> tuple[bytes, bytes]:
        """Return the bytes of the files that picture `index` and its mask were.

        Raises:
            UnreadablePicture: they are not there.
        """
        name, shard = self.samples.names[index], self.shards[self.samples.shard[index]]
        picture = Place(int(self.samples.offset[index]), int(self.samples.length[index]))
        mask = Place(int(self.offset[index]), int(self.length[index]))
        return (
            content_of(self.store, shard, picture, name=name),
            content_of(self.store, shard, mask, name=f"the mask of {name}", column="mask"),
        )

    def checksum(self) -> str:
        """Return the hash of where the pictures and their masks lie, and of what is in those masks."""
        places = hash_of(self.encoding.classes, self.shards, self.samples)
        masks = self.offset.tobytes() + self.length.tobytes()
        return hashlib.sha256(places.encode() + repr(self.encoding).encode() + masks).hexdigest()

    def named(self) -> tuple[Pair, ...]:
        return ()

    def sizes(self) -> list[tuple[int, ...]]:
        return list(zip(self.samples.length.tolist(), self.length.tolist(), strict=True))

    def order(self, count: int, random: np.random.Generator) -> np.ndarray:
        return order_of(self.shards, self.samples, random)

    def chosen(self, indices: list[int]) -> "ShardPairs":
        rows = np.array(indices, np.int64)
        return ShardPairs(
            self.store,
            self.shards,
            self.samples.chosen(rows),
            self.offset[rows],
            self.length[rows],
            self.encoding,
            self.channels,
        )
