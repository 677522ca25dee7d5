"""Shards of pictures with masks looked into: by their index, or once where another program wrote them."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from residua.data.listing import WHOLE
from residua.data.masks.encoding import MaskEncoding
from residua.data.masks.naming import find_names
from residua.data.masks.pairing import Pair
from residua.data.masks.pairset import PairSet
from residua.data.masks.rasters import raster_header
from residua.data.masks.scan import Looked, looked_at
from residua.data.masks.shards.pairs import ShardPairs
from residua.data.masks.shards.table import Masks, MaskTable, decode_masks, encoded_masks
from residua.data.masks.source import unusable
from residua.data.masks.stored import decode_mask
from residua.data.refusals import UnreadablePicture
from residua.data.shards.found import looked_through, samples_of
from residua.data.shards.index import INDEX, SAMPLES, Index, Samples, Shard, decode, encoded
from residua.data.shards.kept import kept_or_found
from residua.data.shards.opening import ShardSet, opened_set, refuse_changed
from residua.data.shards.pictures import Place, content_of
from residua.data.shards.scan import Member
from residua.data.shards.store import Store
from residua.data.source import BadFile
from residua.data.threads import in_threads
from residua.errors import BadData


class _Set(NamedTuple):
    """Everything that the files of a set say."""

    pictures: Index
    samples: Samples
    masks: Masks
    table: MaskTable


def look_into_shards(
    data: str | Path, *, cache: Path | None = None, tell: Callable[[int, int], None] | None = None
) -> PairSet:
    """Return what is in shards of pictures with masks.

    No mask is decoded if `residua shard` wrote them. Those of another program are looked through once, and what is
    found is kept until one of them changes; what the values mean is found out from it each time.

    Args:
        data: the folder, the file or the URL.
        cache: where shards of a URL and what is found out are kept, by default below ~/.cache.
        tell: told as it goes on how many masks are read, and of how many.

    Raises:
        BadData: there are none, or they cannot be used.
        MissingExtra: something that reads them is not installed.
    """
    opened = opened_set(data, cache)
    store = opened.store
    if opened.content is not None:
        held = _decoded(opened.name, opened.content, store.small)
        refuse_changed(store, held.pictures)
    else:
        held = kept_or_found(store, lambda: _found(opened, tell), encode=_files, decode=_kept)
    index, samples = held.pictures, held.samples
    row_of = {name: row for row, name in enumerate(samples.names)}

    def pairs(looked: Sequence[Looked], encoding: MaskEncoding, channels: int) -> ShardPairs:
        rows = np.array([row_of[one.pair.image] for one in looked], np.int64)
        offset, length = held.table.offset[rows], held.table.length[rows]
        return ShardPairs(store, index.shards, samples.chosen(rows), offset, length, encoding, channels)

    looked: dict[str, list[Looked]] = {name: [] for name in ("train", "val", "test", WHOLE)}
    found = held.table.looked(samples.names, held.masks.sorts)
    for one, shard in zip(found, samples.shard.tolist(), strict=True):
        looked[index.shards[shard].split].append(one)
    return PairSet(
        name=index.name,
        root=Path(),
        looked={name: ones for name, ones in looked.items() if ones},
        pairs=pairs,
        names=find_names([Path(store.where)]) if store.here and held.masks.encoding is None else None,
        encoding=held.masks.encoding,
        pattern="{name}.png",
        bad=held.masks.bad,
        notes=index.notes,
    )


def _decoded(where: str, index: bytes, read: Callable[[str], bytes | None]) -> _Set:
    found, samples = decode(where, index, lambda: read(SAMPLES) or b"")
    if not found.masks:
        raise BadData(f"{where} holds pictures with one class each, and pictures with masks are wanted here")
    return _Set(found, samples, *decode_masks(where, read, found, samples))


def _kept(folder: Path) -> _Set:
    return _decoded(str(folder), (folder / INDEX).read_bytes(), lambda name: (folder / name).read_bytes())


def _files(held: _Set) -> dict[str, bytes]:
    content, samples = encoded(held.pictures, held.samples)
    return {SAMPLES: samples, **encoded_masks(held.masks, held.table, samples), INDEX: content}


def _found(opened: ShardSet, tell: Callable[[int, int], None] | None) -> _Set:
    """Read the header of every picture and the whole of every mask."""
    store = opened.store
    shards, found, _ = looked_through(store, opened.shards, None)
    if single := next((member for member in found if not member.mask_length), None):
        raise BadData(
            f"{single.name} in {store.where} has no mask and others have one; put them in folders of their own"
        )
    samples = samples_of(shards, found, [0] * len(found))

    def look(row: int) -> Looked | BadFile:
        try:
            return _look(store, shards[samples.shard[row]], found[row])
        except UnreadablePicture as refusal:
            return BadFile(found[row].name, refusal.reason)

    def done(count: int) -> None:
        if tell is not None:
            tell(count, len(found))

    seen = in_threads(look, len(found), done=done)
    bad = tuple(one for one in seen if isinstance(one, BadFile))
    looked = [one for one in seen if isinstance(one, Looked)]
    if not looked:
        raise unusable(opened.name, bad)
    rows = np.array([row for row, one in enumerate(seen) if isinstance(one, Looked)], np.int64)
    places = np.array([(member.mask_offset, member.mask_length) for member in found], np.uint64)
    table, sorts = MaskTable.of(looked, places[rows])
    samples = samples.chosen(rows)
    held = np.bincount(samples.shard, minlength=len(shards)).tolist()
    shards = [replace(shard, samples=count) for shard, count in zip(shards, held, strict=True)]
    return _Set(_index(Path(store.where).name, shards, looked), samples, Masks(sorts=sorts, bad=bad), table)


def _look(store: Store, shard: Shard, member: Member) -> Looked:
    """Return what is in one sample.

    Raises:
        UnreadablePicture: a file of it cannot be read, or its mask is not of the size of its picture.
    """
    name = member.name
    pair = Pair(name, (f"the mask of {name}",))
    picture = content_of(store, shard, Place(member.offset, member.length), name=name)
    place = Place(member.mask_offset, member.mask_length)
    mask = content_of(store, shard, place, name=pair.masks[0], column="mask")
    header = raster_header(io.BytesIO(picture), name=name)
    return looked_at(pair, header, decode_mask(mask, name=pair.masks[0], beside=len(picture)))


def _index(name: str, shards: Sequence[Shard], looked: Sequence[Looked]) -> Index:
    """Return the index of the pictures; what is in it of their masks is found out when it is opened."""
    return Index(
        format=0,
        name=name,
        classes=(),
        counts={},
        channels=max(one.header.channels for one in looked),
        mirrored=True,
        typical_size=(
            median_low(one.header.height for one in looked),
            median_low(one.header.width for one in looked),
        ),
        seed=0,
        notes=("shards without an index, looked through once; `residua shard` makes some that open at once",),
        shards=tuple(shards),
        masks=True,
    )
