"""What was read of pictures and masks, written down, so that the same split can be opened again."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

import numpy as np

from residua.data.listing import bulleted
from residua.data.masks.encoding import MaskEncoding
from residua.data.masks.loading import HeldPairs
from residua.data.masks.opening import SCENES, list_mask_data, open_scenes, source_of
from residua.data.masks.pairing import Pair
from residua.data.masks.shards.opening import look_into_shards
from residua.data.masks.shards.pairs import ShardPairs
from residua.data.masks.source import MaskSource
from residua.data.masks.split import FilePairs, MaskSplit
from residua.data.shards import is_sharded
from residua.data.source import BadFile
from residua.errors import BadData


@final
@dataclass(frozen=True, kw_only=True)
class MaskSplitDescription:
    """One split: `masks[i]`, `labels[i]`, `bytes[i]`, `counts[i]`, `shapes[i]`, `checksums[i]` belong to `names[i]`.

    `bytes` and `checksums` are those of the picture and of each of its masks: empty without files, and checksums in
    the runs of 0.1 too. Of pictures in shards none is named: `shards` is the hash of where all of them and their masks
    lie.
    """

    names: tuple[str, ...]
    masks: tuple[tuple[str, ...], ...]
    labels: tuple[tuple[str, ...], ...]
    bytes: tuple[tuple[int, ...], ...]
    counts: tuple[tuple[int, ...], ...]
    shapes: tuple[tuple[int, int], ...]
    shards: str = ""
    checksums: tuple[tuple[int | None, ...], ...] = ()


@final
@dataclass(frozen=True, kw_only=True)
class MaskDescription:
    """A source of pictures and masks as it was read; msgspec writes it as JSON and reads it back."""

    name: str
    encoding: MaskEncoding
    channels: int
    mirrored: bool
    typical_size: tuple[int, int]
    seed: int
    fingerprint: str
    splits: dict[str, MaskSplitDescription]
    notes: tuple[str, ...] = ()
    bad: tuple[BadFile, ...] = field(default=())
    left_out: tuple[str, ...] = field(default=())


def describe_masks(source: MaskSource) -> MaskDescription:
    """Return what `source` is, in a form that a run writes down."""
    return MaskDescription(
        name=source.name,
        encoding=source.encoding,
        channels=source.channels,
        mirrored=source.mirrored,
        typical_size=source.typical_size,
        seed=source.seed,
        fingerprint=source.fingerprint(),
        splits={name: _described(split) for name, split in source.splits.items()},
        notes=source.notes,
        bad=source.bad,
        left_out=source.left_out,
    )


def _described(split: MaskSplit) -> MaskSplitDescription:
    files = split.pairs.files if isinstance(split.pairs, HeldPairs) else split.pairs
    if isinstance(files, ShardPairs):
        return MaskSplitDescription(
            names=(), masks=(), labels=(), bytes=(), counts=(), shapes=(), shards=files.checksum()
        )
    pairs = split.pairs.named()
    return MaskSplitDescription(
        names=tuple(split.names),
        masks=tuple(pair.masks for pair in pairs),
        labels=tuple(pair.labels for pair in pairs),
        bytes=tuple(split.pairs.sizes()),
        counts=tuple(map(tuple, split.counts.tolist())),
        shapes=tuple((height, width) for height, width in split.shapes.tolist()),
        checksums=files.checksums if isinstance(files, FilePairs) else (),
    )


def reopen_masks(data: str | Path, description: MaskDescription) -> MaskSource:
    """Open `data` with exactly the splits and the encoding that `description` wrote down; no mask is read.

    Raises:
        BadData: a file is gone, or has another length than it had.
    """
    if str(data) == SCENES:
        source = open_scenes(seed=description.seed)
        if source.fingerprint() != description.fingerprint:
            raise BadData("the run was not trained on these scenes; give the data that it was trained on")
        return source
    if is_sharded(data):
        return _reopen_shards(data, description)
    root = list_mask_data(Path(data)).root
    changes: list[str] = []
    splits: dict[str, MaskSplit] = {}
    for name, written in description.splits.items():
        known = tuple(_pairs(written))
        pairs = FilePairs(root, known, description.encoding, description.channels, written.checksums)
        changes += _changes(name, written, pairs)
        splits[name] = MaskSplit(
            name,
            description.encoding.classes,
            written.names,
            np.array(written.counts, np.int64).reshape(-1, len(description.encoding.classes)),
            np.array(written.shapes, np.int64).reshape(-1, 2),
            pairs,
        )
    if changes:
        raise BadData(
            f"{data} is not as it was when the run began:\n{bulleted(changes)}\n"
            "Put the pictures and masks back as they were, or start a new run"
        )
    return MaskSource(
        name=description.name,
        root=root,
        classes=description.encoding.classes,
        encoding=description.encoding,
        channels=description.channels,
        mirrored=description.mirrored,
        splits=splits,
        notes=description.notes,
        typical_size=description.typical_size,
        seed=description.seed,
        bad=description.bad,
    )


def _reopen_shards(data: str | Path, description: MaskDescription) -> MaskSource:
    found = look_into_shards(data)
    source = source_of(found, description.encoding, (), seed=description.seed).without(
        BadFile(name, "it could not be read when the run began") for name in description.left_out
    )
    for name, written in description.splits.items():
        pairs = source.splits[name].pairs if name in source.splits else None
        if not isinstance(pairs, ShardPairs) or pairs.checksum() != written.shards:
            raise BadData(
                f"the shards of {name} in {data} are not those that the run began with; "
                "put them back as they were, or start a new run"
            )
    return replace(source, notes=description.notes)


def _pairs(written: MaskSplitDescription) -> Iterable[Pair]:
    for image, masks, labels in zip(written.names, written.masks, written.labels, strict=True):
        yield Pair(image, masks, labels)


def _changes(split: str, written: MaskSplitDescription, pairs: FilePairs) -> Iterable[str]:
    """Give in words what is no longer as it was written down."""
    for pair, before, now in zip(pairs.pairs, written.bytes, pairs.sizes(), strict=True):
        for name, had, has in zip((pair.image, *pair.masks), before, now, strict=True):
            if has < 0 <= had:
                yield f"{name} ({split}) is gone"
            elif had != has:
                yield f"{name} ({split}) had {had:,} bytes and has {has:,}"
