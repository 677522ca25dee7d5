"""Where shards are: a folder, or any URL that fsspec reads, kept on this disk one whole shard at a time."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar, final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from residua.data.shards.index import Shard
from residua.data.threads import in_threads
from residua.errors import BadData, MissingExtra
from residua.files import reason

Result = TypeVar("Result")
SUFFIXES: Final = (".tar", ".parquet")
"""Of files that are shards."""
_MARKS: Final = (
    *("ETag", "etag", "Content-MD5", "md5Hash", "sha256", "blob_id", "LastModified", "Last-Modified"),
    *("last_modified", "updated", "mtime", "created"),
)
"""How the file systems call what differs between two versions of a file."""
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
        cache: where what is fetched and found out about it is kept.
        most: bytes that all fetched shards together may take; None for 64 GiB or half of what is free.
    """

    where: str
    cache: Path
    most: int | None = None

    @classmethod
    def of(cls, data: str | Path, *, cache: Path | None = None, most: int | None = None) -> "Store":
        """Return the store that `data` names; what is kept of it goes below `cache`, by default `cache_folder()`."""
        if str(data).startswith("file://"):
            data = url2pathname(urlsplit(str(data)).path)
        address = str(data).rstrip("/") if is_url(data) else str(Path(data))
        known = address if is_url(data) else str(Path(data).resolve())
        return cls(address, (cache or cache_folder()) / _short(known), most)

    @property
    def here(self) -> bool:
        """Whether the files are on this machine already."""
        return not is_url(self.where)

    def version(self, mark: str) -> "Store":
        """Return the store of files that have `mark` in common: once they change, nothing kept of the old is used."""
        return replace(self, cache=self.cache.with_name(_short(f"{self.cache.name} {mark}")))

    def marks(self, names: Sequence[str]) -> str:
        """Return a hash of the names and sizes of files and of when they changed, or what a server says instead.

        Raises:
            BadData: one cannot be looked at.
        """
        return _short("\n".join(in_threads(lambda index: self._mark(names[index]), len(names))))

    def _mark(self, name: str) -> str:
        with explained(f"{self.where}/{name}"):
            if self.here:
                found = (Path(self.where) / name).stat()
                return f"{name} {found.st_size} {found.st_mtime_ns}"
            system, path = _remote(self.where)
            said = system.info(f"{path}/{name}")
            return f"{name} {said.get('size')} {[str(said[key]) for key in _MARKS if said.get(key)]}"

    def listed(self) -> list[str]:
        """Return the names of the files in the store, sorted.

        Raises:
            BadData: it cannot be looked into.
        """
        with explained(self.where):
            if self.here:
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
                if self.here:
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

        def part(path: Path) -> bytes:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(length)

        return self.using(shard, part)

    def using(self, shard: Shard, work: Callable[[Path], Result]) -> Result:
        """Return what `work` makes of the file of a shard, which is fetched whole if it is elsewhere.

        Raises:
            OSError: it cannot be read.
            BadData: it cannot be fetched.
        """
        while True:
            path = self.local(shard)
            try:
                return work(path)
            except FileNotFoundError:
                if self.here:
                    raise  # else another process made room between our look and our reading: fetch it again

    def local(self, shard: Shard) -> Path:
        """Return the path of a shard on this disk.

        Raises:
            BadData: it cannot be fetched, or is not what the index says.
        """
        if self.here:
            return Path(self.where) / shard.name
        path = self.cache / shard.name
        if path.exists():
            os.utime(path)
            return path
        with explained(f"{self.where}/{shard.name}"), alone(self.cache / f".{shard.name}.lock"):
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
        kept = sorted(
            (found.st_mtime_ns, found.st_size, path)
            for path in self.cache.parent.glob("*/*")
            if path.suffix in SUFFIXES and (found := path.stat())
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
    """Return the folder in which fetched shards and the indices of foreign ones are kept.

    It is `residua/shards` below the folder that XDG_CACHE_HOME names, as the
    [XDG base directories](https://specifications.freedesktop.org/basedir-spec/latest/) have it, else below ~/.cache.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "residua" / "shards"


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Let one process at a time through; the others wait. The system opens the lock of a process that dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


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
