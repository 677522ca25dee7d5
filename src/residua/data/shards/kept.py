"""What was found out about shards that have no index beside them: kept where nobody else looks."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from residua.data.shards.store import Store, alone
from residua.errors import BadData, BadRun
from residua.files import replacing

Found = TypeVar("Found")


def kept_or_found(
    store: Store,
    find: Callable[[], Found],
    *,
    encode: Callable[[Found], Mapping[str, bytes]],
    decode: Callable[[Path], Found],
) -> Found:
    """Return what is kept about the files of a store; if nothing is, find it out and keep it.

    Where several processes want it, one finds it out and the others wait.

    Args:
        store: a version of some files, so that what is kept about it is still true.
        find: looks through the files.
        encode: gives the contents of the files to keep; the last one names the hashes of those before it.
        decode: reads them from a folder and raises `BadData` or `OSError` if they are not what was kept.
    """
    if not _writable(store.cache):
        return find()
    with alone(store.cache / ".index.lock"):
        try:
            return decode(store.cache)
        except (BadData, OSError):  # nothing is kept, or half of it, or by another version
            found = find()
            _keep(store.cache, encode(found))
            return found


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _keep(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        for name, content in files.items():
            with replacing(folder / name) as temporary:
                temporary.write_bytes(content)
    except BadRun:
        return  # a full disk is no reason not to train
