"""Shards opened as a source: by their index, or looked through once where another program wrote them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from residua.data.dividing import divided, held_out
from residua.data.listing import WHOLE
from residua.data.shards.columns import has_mask_column, holds_pictures
from residua.data.shards.found import found_in
from residua.data.shards.index import INDEX, SAMPLES, Index, Samples, Shard, decode, encoded, index_in
from residua.data.shards.kept import kept_or_found
from residua.data.shards.pictures import ShardPictures
from residua.data.shards.scan import has_masks
from residua.data.shards.store import SUFFIXES, Store, is_url
from residua.data.source import Source
from residua.data.split import Split
from residua.errors import BadData

_HELD_OUT = 1_000


def is_sharded(data: str | Path) -> bool:
    """Return whether `data` are shards: a URL, a .tar file, a Parquet file that holds pictures, or a folder of them.

    >>> is_sharded("memory://photos"), is_sharded("digits")
    (True, False)

    Raises:
        BadData: a Parquet file is damaged.
        MissingExtra: there is one, and PyArrow is not installed.
    """
    if is_url(data):
        return True
    path = Path(data)
    try:
        if path.is_dir():
            return (path / SAMPLES).is_file() or any(map(_is_shard, _below(path)))
        return path.is_file() and _is_shard(path)
    except OSError:
        return False


def _below(folder: Path) -> list[Path]:
    """Return one file of each kind of shard in a folder: those of a kind are alike."""
    return [path for suffix in SUFFIXES for path in sorted(folder.glob(f"*{suffix}"))[:1]]


def _is_shard(path: Path) -> bool:
    return path.suffix == ".tar" or (path.suffix == ".parquet" and holds_pictures(path))


def open_shards(
    data: str | Path,
    *,
    seed: int = 0,
    cache: Path | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Source:
    """Open a folder of shards, a .tar or .parquet file, or a URL of either that fsspec reads.

    No picture is decoded if `residua shard` wrote them. Those of another program are looked through once, and what is
    found is kept until one of them changes; they are divided by their names, and what these leave open from `seed`.

    Args:
        data: the folder, the file or the URL.
        seed: of the division where there is none.
        cache: where shards of a URL and what is found out are kept, by default `cache_folder()`.
        tell: told how many shards of another program are looked through, and of how many.

    Raises:
        BadData: there are none, or they cannot be used.
        MissingExtra: a URL without fsspec or what it needs for that kind of URL, or a Parquet file without pyarrow.
    """
    opened = opened_set(data, cache)
    if opened.content is not None:
        index, samples = decode(opened.name, opened.content, lambda: opened.store.small(SAMPLES) or b"")
        refuse_changed(opened.store, index)
    else:
        index, samples = kept_or_found(
            opened.store,
            lambda: found_in(opened.store, opened.shards, seed, tell),
            encode=_encode_kept,
            decode=_decode_kept,
        )
        index = msgspec.structs.replace(index, seed=seed)
    if index.masks:
        raise BadData(f"{data} are pictures with masks, and pictures with one class each are wanted here")
    return _source(opened.store, index, samples)


def hold_masks(data: str | Path, cache: Path | None = None) -> bool:
    """Return whether shards hold pictures with masks, by their index or by the first of them.

    Raises:
        BadData: there are none, or the first cannot be used.
        MissingExtra: something that reads them is not installed.
    """
    opened = opened_set(data, cache)
    content = opened.content or _kept_index(opened.store)
    if content is not None:
        return index_in(opened.name, content).masks
    first = Shard(name=opened.shards[0], split=WHOLE, samples=0, bytes=0)
    return opened.store.using(first, has_masks if first.name.endswith(".tar") else has_mask_column)


def _kept_index(store: Store) -> bytes | None:
    try:
        return (store.cache / INDEX).read_bytes()
    except OSError:
        return None


class ShardSet(NamedTuple):
    """A set of shards before anything in them is looked at.

    Attributes:
        name: what an error calls it.
        store: where the shards are, as one version of them.
        content: of the index beside them, or None.
        shards: their names where there is no index.
    """

    name: str
    store: Store
    content: bytes | None
    shards: tuple[str, ...] = ()


def opened_set(data: str | Path, cache: Path | None = None) -> ShardSet:
    """Return what `data` names: shards with an index, or shards of another program.

    Raises:
        BadData: there are none.
        MissingExtra: a URL without fsspec, or without what it needs for that kind of URL.
    """
    address = str(data).rstrip("/")
    folder, _, single = address.rpartition("/") if address.endswith(SUFFIXES) else (address, "", "")
    store = Store.of(folder or ("/" if address.startswith("/") else "."), cache=cache)
    content = None if single else store.small(INDEX)
    if content is not None:
        return ShardSet(address, store.version(hashlib.sha256(content).hexdigest()), content)
    names = [single] if single else [name for name in store.listed() if name.endswith(SUFFIXES)]
    if not names:
        raise BadData(
            f"{store.where} holds no {INDEX}, no .tar and no .parquet file; `residua shard PHOTOS OUT` makes shards"
        )
    return ShardSet(address, store.version(store.marks(names)), None, tuple(names))


def _encode_kept(found: tuple[Index, Samples]) -> dict[str, bytes]:
    content, table = encoded(*found)
    return {SAMPLES: table, INDEX: content}


def _decode_kept(folder: Path) -> tuple[Index, Samples]:
    content = (folder / INDEX).read_bytes()
    return decode(str(folder), content, (folder / SAMPLES).read_bytes)


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


def refuse_changed(store: Store, index: Index) -> None:
    """Refuse local shards that are gone or have another length than the index says; fetched ones are hashed."""
    if not store.here:
        return
    for shard in index.shards:
        path = Path(store.where) / shard.name
        if not path.is_file() or path.is_symlink():
            raise BadData(f"{path} is in the index and is not there as a file; copy the shards again")
        if (size := path.stat().st_size) != shard.bytes:
            raise BadData(f"{path} has {size:,} bytes, and the index says {shard.bytes:,}; copy it again")


def checksum(split: Split) -> str:
    """Return the hash of where the pictures of a split lie, which are of their names and labels too."""
    assert isinstance(split.pictures, ShardPictures)
    return hash_of(split.classes, split.pictures.shards, split.pictures.samples)


def hash_of(classes: tuple[str, ...], shards: tuple[Shard, ...], samples: Samples) -> str:
    """Return the hash of where samples lie."""
    digest = hashlib.sha256("\0".join(classes).encode())
    for column in (samples.shard, samples.offset, samples.length, samples.label, samples.names.letters):
        digest.update(np.ascontiguousarray(column).tobytes())
    for shard in shards:
        digest.update(f"{shard.name}\0{shard.sha256}\0".encode())
    return digest.hexdigest()
