"""A set of pictures written as shards: the bytes of the files as they are, in an order drawn from a seed."""

import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

import numpy as np

from residua.data.pictures import decode_picture
from residua.data.refusals import UnreadablePicture
from residua.data.shards.files import Format, OpenShard, ParquetShard, Sample, TarShard
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
    format: Format = "tar",
    megabytes: int = 256,
    skip_bad: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> Index:
    """Write the pictures of `source` as shards into a new folder, each as its file is, and an index of them.

    In a tar file a sample is `000000042.jpg` and `000000042.cls`, the number of its class, as WebDataset has it; in a
    Parquet file it is a row with `image` and `label`, as the Hugging Face datasets have it. The samples of a
    split are put in an order drawn from the seed of the source, so each shard is a fair sample. Every picture
    is decoded once on the way. The folder is there whole or not at all; equal pictures give equal bytes.

    Args:
        source: a folder or a table, opened.
        out: the folder, which must not exist yet.
        format: "tar" or "parquet".
        megabytes: a shard is closed before it becomes larger, unless a single picture is.
        skip_bad: leave out pictures that cannot be read instead of writing none.
        tell: told as it goes on how many pictures are written, and of how many.

    Returns:
        what was written, without the places of the samples.

    Raises:
        BadData: the folder exists, the pictures are no files, or some cannot be read.
        BadRun: the disk is full or does not let us write.
        MissingExtra: Parquet without pyarrow.
    """
    with new_folder(Path(out)) as folder:
        total = sum(map(len, source.splits.values()))
        written = ShardWriter(
            folder, format, classes=source.classes, megabytes=megabytes, total=total, tell=tell
        )
        for split in source.splits.values():
            written.write(split.name, _samples(source.name, split, source.seed))
        if written.bad and not skip_bad:
            raise unreadable(source.name, written.bad)
        index = _index(source.without(written.bad), written.shards)
        content, table = encoded(index, written.samples())
        (folder / SAMPLES).write_bytes(table)
        (folder / INDEX).write_bytes(content)
    return index


@final
class ShardWriter:
    """Writes the samples of one split after another into shards of a size.

    Args:
        folder: to write in.
        format: of the shards.
        classes: what the numbers of the labels mean; None for samples with masks.
        megabytes: of a shard at most.
        total: samples that will come, for `tell`.
        tell: told as it goes on how many samples came, and of how many.

    Attributes:
        shards: those that are finished.
        bad: what came in place of samples.

    Raises:
        BadData: a shard would be of no size.
    """

    def __init__(
        self,
        folder: Path,
        format: Format,
        *,
        classes: tuple[str, ...] | None,
        megabytes: int,
        total: int,
        tell: Callable[[int, int], None] | None,
    ) -> None:
        if megabytes < 1:
            raise BadData(f"--megabytes is {megabytes}; a shard takes at least 1")
        self.shards: list[Shard] = []
        self.bad: list[BadFile] = []
        self._folder = folder
        self._format = format
        self._classes = classes
        self._most = megabytes * MEGABYTE
        self._total = total
        self._tell = tell
        self._rows: list[tuple[int, int, int, int]] = []
        self._masks: list[tuple[int, int]] = []
        self._names: list[str] = []

    def write(self, split: str, samples: Iterable[Sample | BadFile]) -> None:
        """Write the samples of a split; what is bad among them is noted."""
        number = 0
        shard = self._opened(split, number)
        for sample in samples:
            if self._tell is not None:
                self._tell(len(self._names) + len(self.bad) + 1, self._total)
            if isinstance(sample, BadFile):
                self.bad.append(sample)
                continue
            # The heads of two members of an archive, and as much at most to fill up what they hold.
            if shard.samples and shard.size + sample.bytes + 4 * tarfile.BLOCKSIZE > self._most:
                self.shards.append(shard.closed(split))
                number += 1
                shard = self._opened(split, number)
            place = shard.add(sample, len(self._rows))
            self._rows.append((len(self.shards), place.picture, len(sample.content), sample.label))
            self._masks.append((place.mask, len(sample.mask[1]) if sample.mask else 0))
            self._names.append(sample.name)
        self.shards.append(shard.closed(split))

    def _opened(self, split: str, number: int) -> OpenShard:
        name = f"{split}-{number:06d}.{self._format}"
        if self._format == "tar":
            return TarShard(self._folder, name)
        return ParquetShard(self._folder, name, self._classes)

    def samples(self) -> Samples:
        """Return where the pictures are."""
        table = np.array(self._rows, np.uint64).reshape(-1, 4)
        shard, length, label = (table[:, column].astype(np.uint32) for column in (0, 2, 3))
        return Samples(shard, np.ascontiguousarray(table[:, 1]), length, label, Names.of(self._names))

    def masks(self) -> np.ndarray:
        """Return the first byte, or the row, and the bytes of each mask: uint64, samples × 2."""
        return np.array(self._masks, np.uint64).reshape(-1, 2)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a folder beside `out` that takes its name on success, else vanishes.

    Raises:
        BadData: there is something of that name.
        BadRun: the disk is full or does not let us write.
    """
    if out.exists() or out.is_symlink():
        raise BadData(
            f"{out} is there already, and shards are written into a new folder; name another or remove it"
        )
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


def _samples(name: str, split: Split, seed: int) -> Iterator[Sample | BadFile]:
    """Give the pictures of a split in an order drawn from the seed."""
    if not isinstance(split.pictures, FilePictures):
        raise BadData(f"the pictures of {name} are no files, so there is nothing to put in shards")
    for index in _order(len(split), seed):
        try:
            content = _checked(split.pictures, index)
        except UnreadablePicture as refusal:
            yield BadFile(split.names[index], refusal.reason)
        else:
            yield Sample(split.names[index], content, int(split.labels[index]))


def _checked(pictures: FilePictures, index: int) -> bytes:
    """Return the bytes of a picture that can be decoded."""
    content = file_bytes(pictures.root / pictures.names[index], pictures.names[index])
    decode_picture(content, name=pictures.names[index])
    return content


def file_bytes(path: Path, name: str) -> bytes:
    """Return the bytes of a file.

    Raises:
        UnreadablePicture: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadablePicture(name, f"it cannot be read: {error.strerror or error}") from error


def _order(count: int, seed: int) -> list[int]:
    # Sorting uniform numbers, not Generator.permutation, whose stream may change between versions of NumPy.
    numbers = np.random.Generator(np.random.Philox(key=[seed, count])).random(count)
    return np.argsort(numbers, kind="stable").tolist()  # type: ignore[no-any-return]


def _index(source: Source, shards: list[Shard]) -> Index:
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
        shards=tuple(shards),
    )
