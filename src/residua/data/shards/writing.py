"""A set of pictures written as shards: the bytes of the files as they are, in an order drawn from a seed."""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import final

import numpy as np

from residua.data.pictures import decode_picture
from residua.data.refusals import UnreadablePicture
from residua.data.shards.index import INDEX, SAMPLES, Index, Samples, Shard, encoded
from residua.data.shards.names import Names
from residua.data.source import BadFile, Source, unreadable
from residua.data.split import FilePictures, Split
from residua.errors import BadData
from residua.files import writing

MEGABYTE = 1_000_000


def write_shards(
    source: Source,
    out: str | Path,
    *,
    megabytes: int = 256,
    skip_bad: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> Index:
    """Write the pictures of `source` as tar shards into a new folder, each as its file is, and an index of them.

    A sample is `000000042.jpg` and `000000042.cls`, the number of its class, as WebDataset has it. The samples of a
    split are put in an order drawn from the seed of the source, so each shard is a fair sample. Every picture
    is decoded once on the way. The folder is there whole or not at all; equal pictures give equal bytes.

    Args:
        source: a folder or a table, opened.
        out: the folder, which must not exist yet.
        megabytes: a shard is closed before it becomes larger, unless a single picture is.
        skip_bad: leave out pictures that cannot be read instead of writing none.
        tell: told as it goes on how many pictures are written, and of how many.

    Returns:
        what was written, without the places of the samples.

    Raises:
        BadData: the folder exists, the pictures are no files, or some cannot be read.
        BadRun: the disk is full or does not let us write.
    """
    out = Path(out)
    if megabytes < 1:
        raise BadData(f"--megabytes is {megabytes}; a shard takes at least 1")
    if out.exists() or out.is_symlink():
        raise BadData(
            f"{out} is there already, and shards are written into a new folder; name another or remove it"
        )
    total = sum(map(len, source.splits.values()))
    written = _Written()
    with _new_folder(out) as folder:
        for split in source.splits.values():
            if not isinstance(split.pictures, FilePictures):
                raise BadData(
                    f"the pictures of {source.name} are no files, so there is nothing to put in shards"
                )
            _write_split(
                split, split.pictures, folder, megabytes * MEGABYTE, source.seed, written, tell, total
            )
        if written.bad and not skip_bad:
            raise unreadable(source.name, written.bad)
        source = source.without(written.bad)
        index = _index(source, written)
        content, table = encoded(index, written.samples())
        (folder / SAMPLES).write_bytes(table)
        (folder / INDEX).write_bytes(content)
    return index


@final
@dataclass(slots=True)
class _Written:
    """What has been written so far."""

    shards: list[Shard] = field(default_factory=list)
    rows: list[tuple[int, int, int, int]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    bad: list[BadFile] = field(default_factory=list)
    seen: int = 0

    def samples(self) -> Samples:
        table = np.array(self.rows, np.uint64).reshape(-1, 4)
        shard, length, label = (table[:, column].astype(np.uint32) for column in (0, 2, 3))
        return Samples(shard, np.ascontiguousarray(table[:, 1]), length, label, Names.of(self.names))


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Give a folder beside `out` that takes its name on success, else vanishes."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
        try:
            yield part
            for path in part.iterdir():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            part.rename(out)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _write_split(
    split: Split,
    pictures: FilePictures,
    folder: Path,
    most: int,
    seed: int,
    written: _Written,
    tell: Callable[[int, int], None] | None,
    total: int,
) -> None:
    """Write one split as shards of at most `most` bytes."""
    shard = _OpenShard(folder, f"{split.name}-000000.tar")
    for index in _order(len(split), seed):
        written.seen += 1
        if tell is not None:
            tell(written.seen, total)
        name = split.names[index]
        try:
            content = _checked(pictures, index)
        except UnreadablePicture as refusal:
            written.bad.append(BadFile(name, refusal.reason))
            continue
        label = int(split.labels[index])
        if shard.samples and shard.size + len(content) + 4 * tarfile.BLOCKSIZE + tarfile.RECORDSIZE > most:
            written.shards.append(shard.closed(split.name))
            number = int(shard.name.removeprefix(f"{split.name}-").removesuffix(".tar")) + 1
            shard = _OpenShard(folder, f"{split.name}-{number:06d}.tar")
        key = f"{len(written.rows):09d}"
        offset = shard.add(f"{key}{PurePath(name).suffix.lower()}", content)
        shard.add(f"{key}.cls", str(label).encode())
        shard.samples += 1
        written.rows.append((len(written.shards), offset, len(content), label))
        written.names.append(name)
    written.shards.append(shard.closed(split.name))


def _checked(pictures: FilePictures, index: int) -> bytes:
    """Return the bytes of a picture that can be decoded."""
    name = pictures.names[index]
    try:
        content = (pictures.root / name).read_bytes()
    except OSError as error:
        raise UnreadablePicture(name, f"it cannot be read: {error.strerror or error}") from error
    decode_picture(content, name=name)
    return content


def _order(count: int, seed: int) -> list[int]:
    # Sorting uniform numbers, not Generator.permutation, whose stream may change between versions of NumPy.
    numbers = np.random.Generator(np.random.Philox(key=[seed, count])).random(count)
    return np.argsort(numbers, kind="stable").tolist()  # type: ignore[no-any-return]


@final
class _OpenShard:
    """A tar file that is being written; nothing in it says when, by whom or where."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.samples = 0
        self.size = 0
        self._path = folder / name
        self._archive = tarfile.open(self._path, "x", format=tarfile.USTAR_FORMAT)  # noqa: SIM115  # see closed()

    def add(self, name: str, content: bytes) -> int:
        """Add a file and return where its bytes begin."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o644
        offset = self._archive.offset + tarfile.BLOCKSIZE
        self._archive.addfile(member, io.BytesIO(content))
        self.size = self._archive.offset
        return offset

    def closed(self, split: str) -> Shard:
        """Finish the file and return what it is."""
        self._archive.close()
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = self._path.stat().st_size
        return Shard(name=self.name, split=split, samples=self.samples, bytes=size, sha256=digest)


def _index(source: Source, written: _Written) -> Index:
    return Index(
        format=0,
        name=source.name,
        classes=source.classes,
        counts={name: split.counts() for name, split in source.splits.items()},
        channels=source.channels,
        mirrored=source.mirrored,
        typical_size=source.typical_size,
        seed=source.seed,
        notes=source.notes,
        shards=tuple(written.shards),
    )
