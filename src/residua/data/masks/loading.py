"""Every picture and mask read once before training: the bad ones are named, and what fits in memory stays there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

import numpy as np

from residua.data.masks.pairing import Pair
from residua.data.masks.preprocess import MaskPreprocess
from residua.data.masks.shards.pairs import ShardPairs
from residua.data.masks.source import MaskSource, unusable
from residua.data.masks.split import FilePairs, Masked, MaskSplit, Pairs
from residua.data.memory import memory_limit as usual_limit
from residua.data.refusals import UnreadablePicture
from residua.data.source import BadFile
from residua.data.threads import in_threads
from residua.errors import BadData

_WIDEST = 4
"""Bytes of a number in a picture at most; those of 8 bits need one, which the first picture shows."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class HeldPairs(Pairs):
    """Pairs that were read from files at one scale and are held in memory; None for one that cannot be read."""

    files: Pairs
    held: tuple[Masked | None, ...] = field(repr=False)
    scale: float

    def read(self, index: int, *, scale: float = 1.0) -> Masked:
        held = self.held[index] if scale == self.scale else None
        return self.files.read(index, scale=scale) if held is None else held

    def named(self) -> tuple[Pair, ...]:
        return self.files.named()

    def sizes(self) -> list[tuple[int, ...]]:
        return self.files.sizes()

    def order(self, count: int, random: np.random.Generator) -> np.ndarray:
        return self.files.order(count, random)

    def chosen(self, indices: list[int]) -> "HeldPairs":
        return HeldPairs(self.files.chosen(indices), tuple(self.held[i] for i in indices), self.scale)


def load_masks(
    source: MaskSource,
    preprocess: MaskPreprocess,
    *,
    memory_limit: int | None = None,
    every: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> MaskSource:
    """Read every picture and mask of `source` as training will, and keep in memory the splits that fit.

    Those in shards that will not be held are read only for `every`, as in `residua.data.load`.

    Args:
        source: just opened.
        preprocess: says how much pictures are reduced.
        memory_limit: bytes that all splits together may take; a quarter of what is free if not given.
        every: read the pictures in shards too that will not be held.
        tell: told as it goes on how many pictures are read, and of how many.

    Returns:
        the source, with each picture that cannot be read in `bad`; it still has its place in its split, so either
        refuse it or take `source.without(source.bad)`.

    >>> from residua.data.masks import open_masks
    >>> source = open_masks("scenes")
    >>> load_masks(source, MaskPreprocess.for_source(source)).bad
    ()
    """
    limit = usual_limit() if memory_limit is None else memory_limit
    bad = list(source.bad)
    splits: dict[str, MaskSplit] = {}
    total, before = sum(map(len, source.splits.values())), 0

    def count(read: int) -> None:
        if tell is not None:
            tell(before + read, total)

    for name, split in source.splits.items():
        splits[name], taken, refused = _loaded(split, preprocess.scale, limit, every=every, count=count)
        limit -= taken
        before += len(split)
        bad += refused
    return replace(source, splits=splits, bad=tuple(bad))


def load_mask_split(
    split: MaskSplit, preprocess: MaskPreprocess, data: str | Path, *, skip_bad: bool = False
) -> tuple[MaskSplit, tuple[BadFile, ...]]:
    """Read every pair of one split and keep it in memory if it fits, as `load_masks` does for a whole source.

    Returns:
        the split, and which pairs were left out of it.

    Raises:
        BadData: some cannot be read; or with `skip_bad` none can.
    """
    loaded, _, refused = _loaded(
        split, preprocess.scale, usual_limit(), every=skip_bad, count=lambda read: None
    )
    bad = tuple(refused)
    if not bad:
        return loaded, ()
    if not skip_bad:
        raise unusable(data, bad)
    left = loaded.without({file.name for file in bad})
    if not len(left):
        raise BadData(f"not one pair of {split.name} in {data} can be read; the first: {': '.join(bad[0])}")
    return left, bad


def _loaded(
    split: MaskSplit, scale: float, limit: int, *, every: bool, count: Callable[[int], None]
) -> tuple[MaskSplit, int, Iterable[BadFile]]:
    """Return the split, in memory if it takes at most `limit` bytes there, how many it takes, and its bad pairs."""
    keep = _needed(split, scale) <= limit
    if not keep and not every and isinstance(split.pairs, ShardPairs):
        return split, 0, ()
    found, checksums = _read_all(split, scale, keep=keep, count=count)
    if files := unsummed(split):
        split = replace(split, pairs=replace(files, checksums=checksums))
    bad = [one for one in found if isinstance(one, BadFile)]
    if not keep or not split.pairs.sizes():
        return split, 0, bad
    held = tuple(None if isinstance(one, BadFile) else one for one in found)
    taken = sum(one.picture.nbytes + one.mask.nbytes for one in held if one)
    return replace(split, pairs=HeldPairs(split.pairs, held, scale)), taken, bad


def unsummed(split: MaskSplit) -> FilePairs | None:
    """Return the files of a split, if it has files and does not know their checksums yet."""
    files = split.pairs
    return files if isinstance(files, FilePairs) and not files.checksums else None


def _read_all(
    split: MaskSplit, scale: float, *, keep: bool, count: Callable[[int], None]
) -> tuple[list[Masked | BadFile | None], tuple[tuple[int | None, ...], ...]]:
    files = unsummed(split)
    checksums: list[tuple[int | None, ...]] = [()] * len(split)

    def read(index: int) -> Masked | BadFile | None:
        if files:  # just before they are decoded: so the disk is asked for them once
            checksums[index] = files.checksum(index)
        try:
            pair = split.read(index, scale=scale)
        except UnreadablePicture as refusal:
            return BadFile(split.names[index], refusal.reason)
        return pair if keep else None

    return in_threads(read, len(split), done=count), tuple(checksums)


def _needed(split: MaskSplit, scale: float) -> int:
    """Return how many bytes the pictures and masks of a split take at most once they are read."""
    try:
        first = split.read(0, scale=scale).picture
        width, channels = int(first.itemsize), int(first.shape[2])
    except (UnreadablePicture, IndexError):
        width, channels = _WIDEST, 3
    pixels = int(split.shapes.prod(axis=1).sum())
    return pixels + int(pixels * scale * scale) * width * channels
