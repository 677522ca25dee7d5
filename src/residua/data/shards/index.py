"""What is where in a set of shards: a small JSON file about the shards, and arrays about the samples."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, final

import msgspec
import numpy as np
from jaxtyping import Int64, UInt32, UInt64
from safetensors import SafetensorError
from safetensors.numpy import load, save

from residua.data.listing import WHOLE
from residua.data.shards.names import Names
from residua.errors import BadData
from residua.files import NOT_JSON

INDEX: Final = "index.json"
SAMPLES: Final = "samples.safetensors"
_FORMAT: Final = 1


@final
class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One shard: its file, the split that it belongs to, how many samples and bytes, and the hash of the bytes.

    `sha256` is empty where a shard of another program was only looked through. `groups` are the rows of each row
    group of a Parquet file, and empty for a tar file.
    """

    name: str
    split: str
    samples: int
    bytes: int
    sha256: str = ""
    groups: tuple[int, ...] = ()


@final
class Index(msgspec.Struct, frozen=True, kw_only=True):
    """A set of shards in short; the samples are in a file of their own, whose hash is `samples`.

    Attributes:
        format: of this file.
        name: of the set.
        classes: a label is a position in them.
        counts: pictures by split and class.
        channels: 1 if every picture looked at is grey, else 3.
        mirrored: whether a picture may be flipped left to right and still be right.
        typical_size: the median height and width.
        seed: of the division and of the order of the samples.
        notes: what was found and decided, in sentences.
        shards: in the order of their numbers in the samples.
        masks: whether the pictures have masks, and then no class of their own: what these are is in other files.
        samples: the SHA-256 of the other file.
    """

    format: int
    name: str
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    channels: int
    mirrored: bool
    typical_size: tuple[int, int]
    seed: int
    notes: tuple[str, ...]
    shards: tuple[Shard, ...]
    masks: bool = False
    samples: str = ""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Where each sample lies: the number of its shard, first byte and bytes of its picture there, and its label.

    In a Parquet file `offset` is the row, and `length` what a picture of its row group takes in the mean.
    """

    shard: UInt32[np.ndarray, " count"]
    offset: UInt64[np.ndarray, " count"]
    length: UInt32[np.ndarray, " count"]
    label: UInt32[np.ndarray, " count"]
    names: Names

    def __len__(self) -> int:
        return len(self.shard)

    def chosen(self, rows: Int64[np.ndarray, " some"]) -> "Samples":
        """Return the samples at `rows`, in that order."""
        return Samples(
            self.shard[rows], self.offset[rows], self.length[rows], self.label[rows], self.names.chosen(rows)
        )


def encoded(index: Index, samples: Samples) -> tuple[bytes, bytes]:
    """Return the contents of the two files, the same for the same samples."""
    table = save(
        {
            "shard": samples.shard,
            "offset": samples.offset,
            "length": samples.length,
            "label": samples.label,
            "letters": samples.names.letters,
            "ends": samples.names.ends,
        }
    )
    index = msgspec.structs.replace(index, format=_FORMAT, samples=hashlib.sha256(table).hexdigest())
    return msgspec.json.format(msgspec.json.encode(index), indent=1), table


def decode(where: str, content: bytes, table: Callable[[], bytes]) -> tuple[Index, Samples]:
    """Return the index and the samples in the contents of the two files, neither believed before it is looked at.

    Args:
        where: what an error calls the set.
        content: of the first file.
        table: gives the content of the second.

    Raises:
        BadData: it is no index, or it does not fit its samples, or leads out of the set.
    """
    index = index_in(where, content)
    held = table()
    if hashlib.sha256(held).hexdigest() != index.samples:
        raise BadData(f"{SAMPLES} of {where} is not the one that {INDEX} was written with; copy both again")
    try:
        arrays = load(held)
        samples = Samples(
            shard=arrays["shard"].astype(np.uint32, casting="safe"),
            offset=arrays["offset"].astype(np.uint64, casting="safe"),
            length=arrays["length"].astype(np.uint32, casting="safe"),
            label=arrays["label"].astype(np.uint32, casting="safe"),
            names=Names(arrays["letters"].astype(np.uint8, casting="safe"), arrays["ends"].astype(np.uint64)),
        )
    except (SafetensorError, KeyError, TypeError) as error:
        raise BadData(f"{SAMPLES} of {where} holds no samples: {error}; make the shards again") from error
    if wrong := _wrong(index, samples):
        raise BadData(
            f"the index of {where} cannot be right: {wrong}; make the shards again with `residua shard`"
        )
    return index, samples


def index_in(where: str, content: bytes) -> Index:
    """Return the index in the content of its file; what it says of the samples is not looked at.

    Raises:
        BadData: it is none, or one of another version.
    """
    try:
        index = msgspec.json.decode(content, type=Index)
    except NOT_JSON as error:
        raise BadData(
            f"{INDEX} of {where} is no index of shards: {error}; make it again with `residua shard`"
        ) from error
    if index.format != _FORMAT:
        raise BadData(
            f"{INDEX} of {where} has format {index.format}, and this version reads {_FORMAT}; "
            "make the shards again with `residua shard`"
        )
    return index


def _wrong(index: Index, samples: Samples) -> str | None:
    """Return what makes an index unbelievable, or None: all that is later used as a path or a position."""
    for shard in index.shards:
        if (
            PurePosixPath(shard.name).name != shard.name
            or shard.name in ("", ".", "..")
            or "\\" in shard.name
        ):
            return f"its shard '{shard.name}' would lie outside of its folder"
        if shard.split not in ("train", "val", "test", WHOLE):
            return f"its shard '{shard.name}' belongs to a split '{shard.split}'"
        if not 0 <= shard.bytes < 2**63:
            return f"its shard '{shard.name}' has {shard.bytes} bytes"
    count = len(samples)
    columns = (samples.offset, samples.length, samples.label, samples.names)
    if not count or any(len(column) != count for column in columns):
        return "its columns are empty or of different lengths"
    labels = 1 if index.masks else len(index.classes)
    if int(samples.shard.max()) >= len(index.shards) or int(samples.label.max()) >= labels:
        return "a sample has a shard or a class that is not there"
    held = np.bincount(samples.shard, minlength=len(index.shards)).tolist()
    if held != [shard.samples for shard in index.shards]:
        return "a shard has more or fewer samples than it says"
    if not ends_within(index.shards, samples.shard, samples.offset, samples.length):
        return "a sample ends behind the end of its shard"
    ends = samples.names.ends
    if bool((np.diff(ends.astype(np.int64)) < 0).any()) or int(ends[-1]) != len(samples.names.letters):
        return "the names do not end where they should"
    return None


def ends_within(
    shards: tuple[Shard, ...],
    shard: UInt32[np.ndarray, " count"],
    offset: UInt64[np.ndarray, " count"],
    length: UInt32[np.ndarray, " count"],
) -> bool:
    """Return whether every sample ends before its shard does: in bytes, or of a Parquet file in rows."""
    rows = np.array([bool(one.groups) for one in shards])[shard]
    sizes = np.array([sum(one.groups) if one.groups else one.bytes for one in shards], np.uint64)[shard]
    taken = np.where(rows, 1, length).astype(np.uint64)
    return not bool((offset > sizes).any() or (sizes - offset < taken).any())
