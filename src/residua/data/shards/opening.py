"""Shards opened as a source: by their index, or looked through once where another program wrote them."""

import hashlib
from collections import Counter
from pathlib import Path
from statistics import median_low

import numpy as np

from residua.data.dividing import divided, held_out
from residua.data.listing import WHOLE, ordered
from residua.data.refusals import UnreadablePicture
from residua.data.shards.index import INDEX, SAMPLES, Index, Samples, Shard, decode
from residua.data.shards.names import Names
from residua.data.shards.pictures import ShardPictures
from residua.data.shards.scan import Member, members, split_named
from residua.data.shards.store import Store, is_url
from residua.data.source import Source, evenly
from residua.data.split import Split
from residua.errors import BadData

_HELD_OUT = 1_000
_LOOKED_AT = 200


def is_sharded(data: str | Path) -> bool:
    """Return whether `data` are shards: a URL, a .tar file, or a folder that holds some or their index.

    >>> is_sharded("memory://photos"), is_sharded("digits")
    (True, False)
    """
    if is_url(data):
        return True
    path = Path(data)
    try:
        if path.is_dir():
            return (path / SAMPLES).is_file() or any(path.glob("*.tar"))
        return path.suffix == ".tar" and path.is_file()
    except OSError:
        return False


def open_shards(data: str | Path, *, seed: int = 0, cache: Path | None = None) -> Source:
    """Open a folder of shards, one .tar file, or a URL of either that fsspec reads.

    No picture is decoded if `residua shard` wrote them. Those of another program are looked through once; they are
    divided by the names of the shards, and what these leave open from `seed`.

    Args:
        data: the folder, the file or the URL.
        seed: of the division where there is none.
        cache: where shards of a URL are kept, by default below ~/.cache.

    Raises:
        BadData: there are none, or they cannot be used.
        MissingExtra: a URL without fsspec, or without what it needs for that kind of URL.
    """
    address = str(data).rstrip("/")
    folder, _, single = address.rpartition("/") if address.endswith(".tar") else (address, "", "")
    store = Store.of(folder or ".", cache=cache)
    content = None if single else store.small(INDEX)
    if content is None:
        index, samples = _scanned(store, [single] if single else store.listed(), seed)
    else:
        index, samples = decode(address, content, lambda: store.small(SAMPLES) or b"")
        _refuse_changed(store, index)
    return _source(store, index, samples)


def _source(store: Store, index: Index, samples: Samples) -> Source:
    splits: dict[str, Split] = {}
    of_shard = np.array([shard.split for shard in index.shards])
    for name in ("train", "val", "test"):
        rows = np.flatnonzero(of_shard[samples.shard] == name)
        if len(rows):
            splits[name] = _split(name, store, index, samples, rows)
    if WHOLE in of_shard or "val" not in splits:
        splits |= _divided(store, index, samples, of_shard)
    if "train" not in splits:
        raise BadData(f"{store.where} has no shard of train; give one that has train in its name")
    return Source(
        name=index.name,
        root=Path(),
        classes=index.classes,
        channels=index.channels,
        mirrored=index.mirrored,
        splits={name: splits[name] for name in ("train", "val", "test") if name in splits},
        notes=index.notes,
        typical_size=index.typical_size,
        seed=index.seed,
    )


def _split(name: str, store: Store, index: Index, samples: Samples, rows: np.ndarray) -> Split:
    chosen = samples.chosen(rows)
    pictures = ShardPictures(store, index.shards, chosen, rows)
    return Split(name, index.classes, chosen.names, chosen.label.astype(np.int64), pictures)


def _divided(store: Store, index: Index, samples: Samples, of_shard: np.ndarray) -> dict[str, Split]:
    """Divide by class what the names of the shards leave open."""
    left = WHOLE if WHOLE in of_shard else "train"
    rows = np.flatnonzero(of_shard[samples.shard] == left)
    labels = samples.label[rows].astype(np.int64)
    if left == WHOLE:
        parts = divided(labels, seed=index.seed)
    else:
        train, val = held_out(labels, min(round(len(labels) / 10), _HELD_OUT), seed=index.seed)
        parts = {"train": train, "val": val}
    return {
        name: _split(name, store, index, samples, rows[part]) for name, part in parts.items() if len(part)
    }


def _refuse_changed(store: Store, index: Index) -> None:
    """Refuse local shards that are gone or have another length than the index says; fetched ones are hashed."""
    if store.cache is not None:
        return
    for shard in index.shards:
        path = Path(store.where) / shard.name
        if not path.is_file() or path.is_symlink():
            raise BadData(f"{path} is in the index and is not there as a file; copy the shards again")
        if (size := path.stat().st_size) != shard.bytes:
            raise BadData(f"{path} has {size:,} bytes, and the index says {shard.bytes:,}; copy it again")


def _scanned(store: Store, names: list[str], seed: int) -> tuple[Index, Samples]:
    """Look through the shards of another program; those of a URL are fetched for it, one after the other."""
    names = [name for name in names if name.endswith(".tar")]
    if not names:
        raise BadData(
            f"{store.where} holds no {INDEX} and no .tar file; `residua shard PHOTOS OUT` makes shards"
        )
    shards: list[Shard] = []
    found: list[Member] = []
    numbers: list[int] = []
    for name in names:
        shard = Shard(name=name, split=split_named(name) or WHOLE, samples=0, bytes=0)
        path = store.local(shard)
        if not path.is_file() or path.is_symlink():
            raise BadData(f"{path} is no plain file; give the shards themselves")
        held = members(path)
        size = path.stat().st_size
        shards.append(Shard(name=name, split=shard.split, samples=len(held), bytes=size))
        numbers += [len(shards) - 1] * len(held)
        found += held
    classes = ordered({member.label for member in found})
    if len(classes) < 2:
        raise BadData(
            f"{store.where} has {len(classes)} class(es) in its shards; a classifier needs at least two"
        )
    position = {label: place for place, label in enumerate(classes)}
    samples = Samples(
        shard=np.array(numbers, np.uint32),
        offset=np.array([member.offset for member in found], np.uint64),
        length=np.array([member.length for member in found], np.uint32),
        label=np.array([position[member.label] for member in found], np.uint32),
        names=Names.of(member.name for member in found),
    )
    return _described(store, tuple(shards), classes, samples, seed), samples


def _described(
    store: Store, shards: tuple[Shard, ...], classes: tuple[str, ...], samples: Samples, seed: int
) -> Index:
    """Return the index of shards that were looked through: size and colours are those of a few pictures."""
    pictures = ShardPictures(store, shards, samples, np.arange(len(samples)))
    headers = []
    for row in evenly(len(samples), _LOOKED_AT):
        try:
            headers.append(pictures.header(row))
        except UnreadablePicture:
            continue  # named when it is read
    if not headers:
        raise BadData(f"none of the pictures in {store.where} can be read; make the shards again")
    labels = samples.label.tolist()
    counts: dict[str, dict[str, int]] = {}
    for number, shard in enumerate(shards):
        held = Counter(
            label for label, of in zip(labels, samples.shard.tolist(), strict=True) if of == number
        )
        into = counts.setdefault(shard.split, dict.fromkeys(classes, 0))
        for label, count in held.items():
            into[classes[label]] += count
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
        notes=("shards without an index, looked through; `residua shard` makes some that open at once",),
        shards=shards,
    )


def checksum(split: Split) -> str:
    """Return the hash of where the pictures of a split lie, which are of their names and labels too."""
    pictures = split.pictures
    assert isinstance(pictures, ShardPictures)
    digest = hashlib.sha256("\0".join(split.classes).encode())
    samples = pictures.samples
    for column in (samples.shard, samples.offset, samples.length, samples.label, samples.names.letters):
        digest.update(np.ascontiguousarray(column).tobytes())
    for shard in pictures.shards:
        digest.update(f"{shard.name}\0{shard.sha256}\0".encode())
    return digest.hexdigest()
