"""What is in the masks of a set of shards, beside the index of its pictures: a small JSON file, and arrays."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import msgspec
import numpy as np
from jaxtyping import Int64, UInt32, UInt64
from safetensors import SafetensorError
from safetensors.numpy import load, save

from residua.data.masks.encoding import MOST_CLASSES, MaskEncoding
from residua.data.masks.pairing import Pair
from residua.data.masks.rasters import RasterHeader
from residua.data.masks.scan import Looked
from residua.data.masks.stored import Kind
from residua.data.shards.index import Index, Samples, ends_within
from residua.data.source import BadFile
from residua.errors import BadData
from residua.files import NOT_JSON

MASKS: Final = "masks.json"
VALUES: Final = "masks.safetensors"


@final
class Sort(msgspec.Struct, frozen=True, kw_only=True):
    """What many pictures and their masks have in common: see `RasterHeader` and `Looked`."""

    channels: int
    bits: int
    format: str
    rotated: bool
    kind: Kind
    mode: str
    palette: tuple[int, ...]
    lossy: bool


@final
class Masks(msgspec.Struct, frozen=True, kw_only=True):
    """The masks of a set in short.

    Attributes:
        sorts: of pictures with their masks.
        encoding: what the values mean; None where another program wrote them, and it is found out as in a folder.
        bad: samples that cannot be used.
        samples: the SHA-256 of the places of the pictures, which come in the same order.
        values: the SHA-256 of the arrays.
    """

    sorts: tuple[Sort, ...]
    encoding: MaskEncoding | None = None
    bad: tuple[BadFile, ...] = ()
    samples: str = ""
    values: str = ""


@final
@dataclass(frozen=True, slots=True, eq=False)
class MaskTable:
    """For each sample: where its mask lies, its height and width, its sort, and how many pixels have each value.

    The values of all masks are in one row; those of sample i end at `ends[i]`.
    """

    offset: UInt64[np.ndarray, " count"]
    length: UInt32[np.ndarray, " count"]
    height: UInt32[np.ndarray, " count"]
    width: UInt32[np.ndarray, " count"]
    sort: UInt32[np.ndarray, " count"]
    ends: UInt64[np.ndarray, " count"]
    value: Int64[np.ndarray, " values"]
    pixels: Int64[np.ndarray, " values"]

    @classmethod
    def of(cls, looked: Sequence[Looked], places: np.ndarray) -> tuple["MaskTable", tuple[Sort, ...]]:
        """Return the table of what was looked at, with the sorts that its numbers mean.

        Args:
            looked: the samples.
            places: the first byte, or the row, and the bytes of each mask: uint64, samples × 2.
        """
        sorts = {sort: number for number, sort in enumerate(dict.fromkeys(map(_sort_of, looked)))}
        table = cls(
            offset=np.ascontiguousarray(places[:, 0]),
            length=places[:, 1].astype(np.uint32),
            height=np.array([one.header.height for one in looked], np.uint32),
            width=np.array([one.header.width for one in looked], np.uint32),
            sort=np.array([sorts[_sort_of(one)] for one in looked], np.uint32),
            ends=np.cumsum([len(one.values) for one in looked], dtype=np.uint64),
            value=np.array([value for one in looked for value in one.values], np.int64),
            pixels=np.array([pixels for one in looked for pixels in one.values.values()], np.int64),
        )
        return table, tuple(sorts)

    def looked(self, names: Sequence[str], sorts: Sequence[Sort]) -> list[Looked]:
        """Return every sample as it was looked at."""
        values, pixels = self.value.tolist(), self.pixels.tolist()
        ends = [0, *self.ends.tolist()]
        rows = zip(
            names, self.height.tolist(), self.width.tolist(), self.sort.tolist(), ends, ends[1:], strict=False
        )
        return [
            _looked(name, sorts[sort], height, width, dict(zip(values[a:b], pixels[a:b], strict=True)))
            for name, height, width, sort, a, b in rows
        ]


def encoded_masks(masks: Masks, table: MaskTable, samples: bytes) -> dict[str, bytes]:
    """Return the contents of the two files, the arrays first.

    Args:
        masks: in short.
        table: of the masks.
        samples: the content of the file that says where the pictures lie.
    """
    arrays = save({name: getattr(table, name) for name in MaskTable.__slots__})
    masks = msgspec.structs.replace(
        masks, samples=hashlib.sha256(samples).hexdigest(), values=hashlib.sha256(arrays).hexdigest()
    )
    return {VALUES: arrays, MASKS: msgspec.json.format(msgspec.json.encode(masks), indent=1)}


def decode_masks(
    where: str, read: Callable[[str], bytes | None], index: Index, samples: Samples
) -> tuple[Masks, MaskTable]:
    """Return what is said of the masks of a set, not believed before it is looked at.

    Args:
        where: what an error calls the set.
        read: gives the content of one of its files.
        index: of the pictures.
        samples: where the pictures are.

    Raises:
        BadData: it is not what was written, or does not fit the pictures.
    """
    again = "make the shards again with `residua shard`"
    try:
        masks = msgspec.json.decode(read(MASKS) or b"", type=Masks)
    except NOT_JSON as error:
        raise BadData(f"{MASKS} of {where} says nothing of masks: {error}; {again}") from error
    held = read(VALUES) or b""
    if hashlib.sha256(held).hexdigest() != masks.values or masks.samples != index.samples:
        raise BadData(f"{MASKS} and {VALUES} of {where} are not of one set; copy all its files again")
    try:
        arrays = load(held)
        kinds: dict[str, type[np.integer[Any]]] = dict.fromkeys(MaskTable.__slots__, np.uint32)
        kinds |= {"offset": np.uint64, "ends": np.uint64, "value": np.int64, "pixels": np.int64}
        columns = {name: arrays[name].astype(kind, casting="safe") for name, kind in kinds.items()}
        table = MaskTable(**columns)
    except (SafetensorError, KeyError, TypeError) as error:
        raise BadData(f"{VALUES} of {where} holds no masks: {error}; {again}") from error
    if wrong := _wrong(index, samples, masks, table):
        raise BadData(f"what {where} says of its masks cannot be right: {wrong}; {again}")
    return masks, table


def _wrong(index: Index, samples: Samples, masks: Masks, table: MaskTable) -> str | None:
    """Return what makes a table unbelievable, or None: all that is later used as a position."""
    count = len(samples)
    columns = (table.offset, table.length, table.height, table.width, table.sort, table.ends)
    if any(len(column) != count for column in columns) or len(table.value) != len(table.pixels):
        return "its columns are of different lengths"
    if masks.encoding is not None and not _believable(masks.encoding):
        return "its encoding has not one value for each class, or names files outside of a folder"
    if int(table.sort.max()) >= len(masks.sorts):
        return "a sample is of a sort that is not there"
    if not ends_within(index.shards, samples.shard, table.offset, table.length):
        return "a mask ends behind the end of its shard"
    ends = table.ends.astype(np.int64)
    if int(ends.min()) < 0 or bool((np.diff(ends) < 0).any()) or int(ends[-1]) != len(table.value):
        return "the values do not end where they should"
    return None


def _believable(encoding: MaskEncoding) -> bool:
    """Return whether an encoding can be one of masks in shards: predictions are later written by its pattern."""
    rest = encoding.pattern.replace("{name}", "")
    paired = 0 < len(encoding.classes) == len(encoding.values) <= MOST_CLASSES
    return paired and encoding.kind != "files" and not set(rest) & set("{}/\\\0")


def _sort_of(one: Looked) -> Sort:
    header = one.header
    return Sort(
        channels=header.channels,
        bits=header.bits,
        format=header.format,
        rotated=header.rotated,
        kind=one.kind,
        mode=one.mode,
        palette=one.palette,
        lossy=one.lossy,
    )


def _looked(name: str, sort: Sort, height: int, width: int, values: dict[int, int]) -> Looked:
    header = RasterHeader(
        height=height,
        width=width,
        channels=sort.channels,
        bits=sort.bits,
        format=sort.format,
        rotated=sort.rotated,
    )
    return Looked(
        pair=Pair(name, (f"the mask of {name}",)),
        header=header,
        kind=sort.kind,
        mode=sort.mode,
        palette=sort.palette,
        lossy=sort.lossy,
        values=values,
    )
