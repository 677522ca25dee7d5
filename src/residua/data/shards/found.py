"""Shards of another program looked through: their samples, their classes, and what their pictures are like."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median_low

import numpy as np

from residua.data.listing import WHOLE, amount, ordered
from residua.data.pictures import Header
from residua.data.refusals import UnreadablePicture
from residua.data.shards.index import Index, Samples, Shard
from residua.data.shards.names import Names
from residua.data.shards.parquet import rows_of
from residua.data.shards.pictures import ShardPictures
from residua.data.shards.scan import Member, members, split_named
from residua.data.shards.store import Store
from residua.data.source import evenly
from residua.errors import BadData

_LOOKED_AT = 200


def found_in(
    store: Store, names: Sequence[str], seed: int, tell: Callable[[int, int], None] | None
) -> tuple[Index, Samples]:
    """Look through shards; those of a URL are fetched for it, one after the other.

    Args:
        store: where they are.
        names: of the shards.
        seed: of the division that is to come.
        tell: told how many are looked through, and of how many.

    Raises:
        BadData: one of them cannot be used, or there are fewer than two classes.
        MissingExtra: a Parquet file without pyarrow.
    """
    shards, found, unlabelled = looked_through(store, names, tell)
    if masked := next((member for member in found if member.mask_length), None):
        raise BadData(
            f"{masked.name} in {store.where} has a mask and others have a class; put them in folders of their own"
        )
    classes = ordered({member.label for member in found})
    if len(classes) < 2:
        raise BadData(
            f"{store.where} has {amount(len(classes), 'class', 'classes')} in it; a classifier needs at least two"
        )
    position = {label: place for place, label in enumerate(classes)}
    samples = samples_of(shards, found, [position[member.label] for member in found])
    notes = ["shards without an index, looked through once; `residua shard` makes some that open at once"]
    if unlabelled:
        notes.append(f"{amount(unlabelled, 'row')} without a label left out")
    return _described(store, tuple(shards), classes, samples, seed=seed, notes=tuple(notes)), samples


def looked_through(
    store: Store, names: Sequence[str], tell: Callable[[int, int], None] | None
) -> tuple[list[Shard], list[Member], int]:
    """Return the shards that hold samples, these one after another, and how many have no class."""
    shards: list[Shard] = []
    found: list[Member] = []
    unlabelled = 0
    for number, name in enumerate(names):
        if tell is not None:
            tell(number, len(names))
        shard, held, without = _looked_through(store, name)
        unlabelled += without
        if held:
            shards.append(shard)
            found += held
    return shards, found, unlabelled


def samples_of(shards: Sequence[Shard], found: Sequence[Member], labels: Sequence[int]) -> Samples:
    """Return where the samples of some shards lie."""
    return Samples(
        shard=np.repeat(np.arange(len(shards), dtype=np.uint32), [shard.samples for shard in shards]),
        offset=np.array([member.offset for member in found], np.uint64),
        length=np.array([member.length for member in found], np.uint32),
        label=np.array(labels, np.uint32),
        names=Names.of(member.name for member in found),
    )


def _looked_through(store: Store, name: str) -> tuple[Shard, list[Member], int]:
    """Return a shard, its samples, and how many it has without a class."""
    whole = Shard(name=name, split=split_named(name) or WHOLE, samples=0, bytes=0)
    path = store.local(whole)
    if not path.is_file() or path.is_symlink():
        raise BadData(f"{path} is no plain file; give the shards themselves")
    size = path.stat().st_size
    if path.suffix == ".parquet":
        groups, held, unlabelled = rows_of(path)
        shard = Shard(name=name, split=whole.split, samples=len(held), bytes=size, groups=groups)
        return shard, held, unlabelled
    held = members(path)
    return Shard(name=name, split=whole.split, samples=len(held), bytes=size), held, 0


def _described(
    store: Store,
    shards: tuple[Shard, ...],
    classes: tuple[str, ...],
    samples: Samples,
    *,
    seed: int,
    notes: tuple[str, ...],
) -> Index:
    """Return the index of shards that were looked through: size and colours are those of a few pictures."""
    pictures = ShardPictures(store, shards, samples, np.arange(len(samples)))
    headers: list[Header] = []
    refused: UnreadablePicture | None = None
    for row in evenly(len(samples), _LOOKED_AT):
        try:
            headers.append(pictures.header(row))
        except UnreadablePicture as refusal:
            refused = refused or refusal  # named when it is read
    if not headers:
        raise BadData(f"none of the pictures in {store.where} can be read; the first: {refused}")
    places = samples.shard.astype(np.int64) * len(classes) + samples.label
    table = np.bincount(places, minlength=len(shards) * len(classes)).reshape(len(shards), len(classes))
    counts: dict[str, dict[str, int]] = {}
    for shard, of_shard in zip(shards, table.tolist(), strict=True):
        into = counts.setdefault(shard.split, dict.fromkeys(classes, 0))
        for label, count in zip(classes, of_shard, strict=True):
            into[label] += count
    return Index(
        format=0,
        name=Path(store.where).name,
        classes=classes,
        counts=counts,
        channels=1 if all(header.channels == 1 for header in headers) else 3,
        mirrored=True,
        typical_size=(
            median_low(header.height for header in headers),
            median_low(header.width for header in headers),
        ),
        seed=seed,
        notes=notes,
        shards=shards,
    )
