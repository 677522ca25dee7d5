"""Every picture read once before training: the bad ones are named, and what fits in memory stays there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

import numpy as np

from residua.data.memory import memory_limit as usual_limit
from residua.data.pictures import Header, Picture
from residua.data.preprocess import Preprocess
from residua.data.refusals import UnreadablePicture
from residua.data.shards.pictures import ShardPictures
from residua.data.source import BadFile, Source, evenly, unreadable
from residua.data.split import FilePictures, Pictures, Split
from residua.data.threads import in_threads
from residua.errors import BadData

_LOOKED_AT = 200


@final
@dataclass(frozen=True, slots=True, eq=False)
class HeldPictures(Pictures):
    """Pictures that were read with their shorter side at most `side`, and are held; None where that failed."""

    files: Pictures
    held: tuple[Picture | None, ...] = field(repr=False)
    side: int

    def read(self, index: int, *, side: int | None = None) -> Picture:
        held = self.held[index] if side == self.side else None
        return self.files.read(index, side=side) if held is None else held

    def header(self, index: int) -> Header:
        return self.files.header(index)

    def sizes(self) -> list[int]:
        return self.files.sizes()

    def order(self, count: int, random: np.random.Generator) -> np.ndarray:
        return self.files.order(count, random)

    def chosen(self, indices: list[int]) -> "HeldPictures":
        return HeldPictures(self.files.chosen(indices), tuple(self.held[i] for i in indices), self.side)


def load(
    source: Source,
    preprocess: Preprocess,
    *,
    memory_limit: int | None = None,
    every: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> Source:
    """Read every picture of `source` as training will, and keep in memory the splits that fit.

    Pictures in shards were read when they were put there, and may be more than anyone wants to wait for: of these
    only what will be held is read, unless the bad ones have to be known.

    Args:
        source: just opened.
        preprocess: says to which size large pictures are reduced as they are read.
        memory_limit: bytes that all splits together may take; a quarter of what is free if not given.
        every: read the pictures in shards too that will not be held.
        tell: told as it goes on how many pictures are read, and of how many.

    Returns:
        the source, with each picture that cannot be read in `bad`; it still has its place in its split, so either
        refuse it or take `source.without(source.bad)`.

    >>> from residua.data import open_source
    >>> source = open_source("digits")
    >>> load(source, Preprocess.for_source(source)).bad
    ()
    """
    limit = usual_limit() if memory_limit is None else memory_limit
    bad = {file.name: file for file in source.bad}
    splits: dict[str, Split] = {}
    total, before = sum(map(len, source.splits.values())), 0

    def count(read: int) -> None:
        if tell is not None:
            tell(before + read, total)

    for name, split in source.splits.items():
        splits[name], taken, refused = _load_split(split, preprocess, limit, every=every, count=count)
        limit -= taken
        before += len(split)
        bad = {file.name: file for file in refused} | bad  # what was known says more: the line of a table
    return replace(source, splits=splits, bad=tuple(bad.values()))


def load_split(
    split: Split, preprocess: Preprocess, data: str | Path, *, skip_bad: bool = False
) -> tuple[Split, tuple[BadFile, ...]]:
    """Read every picture of one split and keep it in memory if it fits, as `load` does for a whole source.

    Args:
        split: just opened.
        preprocess: of the network that will see it.
        data: what an error calls the data.
        skip_bad: leave out the pictures that cannot be read instead of refusing them all.

    Returns:
        the split, and which pictures were left out of it.

    Raises:
        BadData: some cannot be read; or with `skip_bad` none can.
    """
    loaded, _, refused = _load_split(
        split, preprocess, usual_limit(), every=skip_bad, count=lambda read: None
    )
    bad = tuple(refused)
    if not bad:
        return loaded, ()
    if not skip_bad:
        raise unreadable(data, bad)
    left = loaded.without({file.name for file in bad})
    if not len(left):
        raise BadData(
            f"not one picture of {split.name} in {data} can be read; the first: {': '.join(bad[0])}"
        )
    return left, bad


def _load_split(
    split: Split, preprocess: Preprocess, limit: int, *, every: bool, count: Callable[[int], None]
) -> tuple[Split, int, Iterable[BadFile]]:
    """Return the split, in memory if it takes at most `limit` bytes there, how many it takes, and its bad files."""
    left = isinstance(split.pictures, ShardPictures) and not every
    # Files take about as many bytes as their pixels or fewer.
    if left and sum(split.pictures.sizes()) > limit:
        return split, 0, ()
    needed = estimated_bytes(split, preprocess)
    held = needed <= limit
    if left and not held:
        return split, 0, ()
    pictures, checksums, refused = read_all(split, preprocess.read_side, keep=held, count=count)
    if files := unsummed(split):
        split = replace(split, pictures=replace(files, checksums=checksums))
    if not held or not split.pictures.sizes():
        return split, 0, refused
    in_memory = HeldPictures(split.pictures, pictures, preprocess.read_side)
    return replace(split, pictures=in_memory), needed, refused


def unsummed(split: Split) -> FilePictures | None:
    """Return the files of a split, if it has files and does not know their checksums yet."""
    files = split.pictures
    return files if isinstance(files, FilePictures) and not files.checksums else None


def read_all(
    split: Split, side: int, *, keep: bool, count: Callable[[int], None]
) -> tuple[tuple[Picture | None, ...], tuple[int | None, ...], Iterable[BadFile]]:
    """Read a whole split; return its pictures, if they are to be kept, their checksums, and those not readable."""
    files = unsummed(split)
    checksums: list[int | None] = [None] * len(split)

    def read(index: int) -> Picture | BadFile | None:
        if files:  # just before it is decoded: so the disk is asked for it once
            checksums[index] = files.checksum(index)
        try:
            picture = split.read(index, side=side)
        except UnreadablePicture as refusal:
            return BadFile(split.names[index], refusal.reason)
        return picture if keep else None

    found = in_threads(read, len(split), done=count)
    bad = [one for one in found if isinstance(one, BadFile)]
    return tuple(None if isinstance(one, BadFile) else one for one in found), tuple(checksums), bad


def estimated_bytes(split: Split, preprocess: Preprocess) -> int:
    """Return about how many bytes the pictures of a split take once they are read."""
    total = looked_at = 0
    for index in evenly(len(split), _LOOKED_AT):
        try:
            header = split.pictures.header(index)
        except UnreadablePicture:
            continue
        shrink = min(1.0, preprocess.read_side / min(header.height, header.width))
        total += round(header.height * header.width * header.channels * shrink**2)
        looked_at += 1
    return total * len(split) // max(1, looked_at)
