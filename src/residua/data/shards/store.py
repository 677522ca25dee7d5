"""Where shards are: a folder, or any URL that fsspec reads, kept on this disk one whole shard at a time."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from residua.data.shards.index import Shard
from residua.errors import BadData, MissingExtra
from residua.files import reason

MOST_CACHED = 64 * 1024**3
"""Bytes of fetched shards that are kept, or half of what is free there if that is less."""


def is_url(data: str | Path) -> bool:
    """Return whether `data` is the address of something.

    >>> is_url("s3://bucket/photos"), is_url("photos/")
    (True, False)
    """
    return "://" in str(data)


@final
@dataclass(frozen=True, slots=True)
class Store:
    """A folder of files, here or elsewhere; small enough to be sent to a worker process.

    Attributes:
        where: the folder, or its URL.
        cache: where fetched files are kept; None for a folder that is here.
        most: bytes that all fetched shards together may take; None for 64 GiB or half of what is free.
    """

    where: str
    cache: Path | None = None
    most: int | None = None

    @classmethod
    def of(cls, data: str | Path, *, cache: Path | None = None, most: int | None = None) -> "Store":
        """Return the store that `data` names; what is fetched is kept in `cache`, by default below ~/.cache."""
        if str(data).startswith("file://"):
            data = url2pathname(urlsplit(str(data)).path)
        if not is_url(data):
            return cls(str(data))
        address = str(data).rstrip("/")
        root = cache or cache_folder()
        return cls(address, root / hashlib.sha256(address.encode()).hexdigest()[:16], most)

    def listed(self) -> list[str]:
        """Return the names of the files in the store, sorted.

        Raises:
            BadData: it cannot be looked into.
        """
        with explained(self.where):
            if self.cache is None:
                return sorted(path.name for path in Path(self.where).iterdir() if path.is_file())
            system, path = _remote(self.where)
            found = system.ls(path, detail=False)
            return sorted(str(name).rstrip("/").rpartition("/")[2] for name in found)

    def small(self, name: str) -> bytes | None:
        """Return the content of a small file, or None if there is none.

        Raises:
            BadData: it cannot be read.
        """
        with explained(f"{self.where}/{name}"):
            try:
                if self.cache is None:
                    return (Path(self.where) / name).read_bytes()
                system, path = _remote(self.where)
                return bytes(system.cat_file(f"{path}/{name}"))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def read(self, shard: Shard, offset: int, length: int) -> bytes:
        """Return bytes of a shard, which is fetched whole if it is elsewhere.

        Raises:
            OSError: it cannot be read.
            BadData: it cannot be fetched.
        """
        while True:
            path = self.local(shard)
            try:
                with path.open("rb") as file:
                    file.seek(offset)
                    return file.read(length)
            except FileNotFoundError:
                if self.cache is None:
                    raise  # else another process made room between our look and our reading: fetch it again

    def local(self, shard: Shard) -> Path:
        """Return the path of a shard on this disk.

        Raises:
            BadData: it cannot be fetched, or is not what the index says.
        """
        if self.cache is None:
            return Path(self.where) / shard.name
        path = self.cache / shard.name
        if path.exists():
            os.utime(path)
            return path
        with explained(f"{self.where}/{shard.name}"):
            self.cache.mkdir(parents=True, exist_ok=True)
            # One process fetches; the others that want the same shard wait for it.
            with (self.cache / f".{shard.name}.lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not path.exists():
                    self._make_room(shard.bytes)
                    self._fetch(shard, path)
        return path

    def _fetch(self, shard: Shard, path: Path) -> None:
        system, remote = _remote(self.where)
        part = path.with_name(f".{path.name}.part")
        digest = hashlib.sha256()
        try:
            with system.open(f"{remote}/{shard.name}", "rb") as source, part.open("wb") as target:
                while block := source.read(4 * 1024**2):
                    digest.update(block)
                    target.write(block)
            held = part.stat().st_size
            if shard.bytes and held != shard.bytes:
                raise BadData(
                    f"{self.where}/{shard.name} has {held:,} bytes, and the index says {shard.bytes:,}"
                )
            if shard.sha256 and digest.hexdigest() != shard.sha256:
                raise BadData(f"{self.where}/{shard.name} is damaged: its SHA-256 is not that of the index")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _make_room(self, needed: int) -> None:
        """Remove the shards that were used longest ago, of every set in the cache, until `needed` bytes fit."""
        assert self.cache is not None
        kept = sorted(
            (found.st_mtime_ns, found.st_size, path)
            for path in self.cache.parent.glob("*/*.tar")
            if (found := path.stat())
        )
        taken = sum(size for _, size, _ in kept)
        most = self.most
        if most is None:
            most = min(MOST_CACHED, (shutil.disk_usage(self.cache).free + taken) // 2)
        if needed > most:
            raise BadData(
                f"a shard of {needed:,} bytes does not fit in the {most:,} that {self.cache.parent} may take; "
                "free some space there, or make smaller shards with --megabytes"
            )
        for _, size, path in kept:
            if taken + needed <= most:
                return
            path.unlink(missing_ok=True)
            taken -= size


def cache_folder() -> Path:
    """Return the folder in which fetched shards and the indices of foreign ones are kept."""
    return Path.home() / ".cache" / "residua" / "shards"


def _remote(address: str) -> tuple[Any, str]:
    """Return the file system of an address and the path in it; connections are fsspec's own to keep."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtra(f"reading {address} needs fsspec: pip install 'residua[data]'") from error
    try:
        system, path = url_to_fs(address)
    except ImportError as error:
        raise MissingExtra(f"{address} cannot be read: {error}") from error
    return system, path.rstrip("/")


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn whatever a file system says into one error that names `what`."""
    try:
        yield
    except (BadData, MissingExtra, FileNotFoundError, NotADirectoryError) as error:
        if isinstance(error, OSError):
            raise BadData(f"there is no {what}; look at the address and who may read it") from error
        raise
    except Exception as error:  # every file system has its own
        raise BadData(
            f"{what} cannot be read: {reason(error)}; look at the address, the connection and who may read it"
        ) from error
