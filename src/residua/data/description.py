"""What was read, written down, so that the same split can be opened again."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

import numpy as np

from residua.data.listing import bulleted
from residua.data.loading import HeldPictures
from residua.data.shards import ShardPictures, is_sharded, open_shards
from residua.data.shards.opening import checksum
from residua.data.source import DIGITS, BadFile, Source, list_data, open_source
from residua.data.split import FilePictures, Split
from residua.errors import BadData


@final
@dataclass(frozen=True, kw_only=True)
class SplitDescription:
    """One split by name: `labels[i]`, `bytes[i]` and `checksums[i]` belong to `names[i]`.

    The last two are of files: empty where there are none, and checksums in the runs of 0.1 too.
    Of pictures in shards none is named, as there may be any number of them: `shards` is the hash of where all lie.
    """

    names: tuple[str, ...]
    labels: tuple[int, ...]
    bytes: tuple[int, ...]
    counts: dict[str, int]
    shards: str = ""
    checksums: tuple[int | None, ...] = ()


@final
@dataclass(frozen=True, kw_only=True)
class Description:
    """A source as it was read; msgspec writes it as JSON and reads it back.

    `left_out` are the pictures in shards that could not be read: they still lie there, so a resume has to know them.
    """

    name: str
    classes: tuple[str, ...]
    channels: int
    mirrored: bool
    typical_size: tuple[int, int]
    seed: int
    fingerprint: str
    splits: dict[str, SplitDescription]
    notes: tuple[str, ...] = ()
    bad: tuple[BadFile, ...] = field(default=())
    left_out: tuple[str, ...] = field(default=())


def describe(source: Source) -> Description:
    """Return what `source` is, in a form that a run writes down."""
    return Description(
        name=source.name,
        classes=source.classes,
        channels=source.channels,
        mirrored=source.mirrored,
        typical_size=source.typical_size,
        seed=source.seed,
        fingerprint=source.fingerprint(),
        splits={name: _describe_split(split) for name, split in source.splits.items()},
        notes=source.notes,
        bad=source.bad,
        left_out=source.left_out,
    )


def _describe_split(split: Split) -> SplitDescription:
    pictures = split.pictures.files if isinstance(split.pictures, HeldPictures) else split.pictures
    if isinstance(pictures, ShardPictures):
        return SplitDescription(
            names=(),
            labels=(),
            bytes=(),
            counts=split.counts(),
            shards=checksum(replace(split, pictures=pictures)),
        )
    return SplitDescription(
        names=tuple(split.names),
        labels=tuple(split.labels.tolist()),
        bytes=tuple(split.pictures.sizes()),
        counts=split.counts(),
        checksums=pictures.checksums if isinstance(pictures, FilePictures) else (),
    )


def reopen(data: str | Path, description: Description) -> Source:
    """Open `data` with exactly the splits that `description` wrote down.

    Pictures that were added since are not used, and a note counts them.

    Raises:
        BadData: a picture is gone, or has another class or another length than it had.
    """
    if str(data) == DIGITS:
        source = open_source(DIGITS)
        if source.fingerprint() != description.fingerprint:
            raise BadData("the run was not trained on these digits; give the data that it was trained on")
        return source
    if is_sharded(data):
        return _reopen_shards(data, description)
    listing = list_data(Path(data))
    labels = {entry.name: entry.label for entries in listing.entries.values() for entry in entries}
    changes: list[str] = []
    splits: dict[str, Split] = {}
    for name, written in description.splits.items():
        pictures = FilePictures(listing.root, written.names, written.checksums)
        changes += _changes(name, written, pictures, labels, description.classes)
        splits[name] = Split(
            name, description.classes, written.names, np.array(written.labels, np.int64), pictures
        )
    if changes:
        raise BadData(
            f"{data} is not as it was when the run began:\n{bulleted(changes)}\n"
            "Put the pictures back as they were, or start a new run"
        )
    known = {name for split in splits.values() for name in split.names} | {
        bad.name for bad in description.bad
    }
    added = len(labels.keys() - known)
    notes = description.notes
    if added:
        notes = (
            *notes,
            f"{added:,} {'picture was' if added == 1 else 'pictures were'} not part of it and not read",
        )
    return Source(
        name=description.name,
        root=listing.root,
        classes=description.classes,
        channels=description.channels,
        mirrored=description.mirrored,
        splits=splits,
        notes=notes,
        typical_size=description.typical_size,
        seed=description.seed,
        bad=description.bad,
    )


def _reopen_shards(data: str | Path, description: Description) -> Source:
    source = open_shards(data, seed=description.seed).without(
        BadFile(name, "it could not be read when the run began") for name in description.left_out
    )
    for name, written in description.splits.items():
        if name not in source.splits or checksum(source.splits[name]) != written.shards:
            raise BadData(
                f"the shards of {name} in {data} are not those that the run began with; "
                "put them back as they were, or start a new run"
            )
    return replace(source, notes=description.notes)


def _changes(
    split: str,
    written: SplitDescription,
    pictures: FilePictures,
    labels: dict[str, str],
    classes: tuple[str, ...],
) -> Iterable[str]:
    """Give in words what is no longer as it was written down."""
    sizes = zip(written.names, written.labels, written.bytes, pictures.sizes(), strict=True)
    for name, label, before, now in sizes:
        if name not in labels or now < 0 <= before:
            yield f"{name} ({split}) is gone"
        elif labels[name] != classes[label]:
            yield f"{name} ({split}) was of class '{classes[label]}' and is of class '{labels[name]}'"
        elif before != now:
            yield f"{name} ({split}) had {before:,} bytes and has {now:,}"
