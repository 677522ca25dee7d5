"""One split of some pictures with masks, for a model that was trained elsewhere: its encoding says what masks mean."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from residua.data.masks.encoding import MaskEncoding
from residua.data.masks.opening import (
    SCENES,
    list_mask_data,
    look_into_files,
    open_scenes,
    to_mask_split,
)
from residua.data.masks.pairset import PairSet
from residua.data.masks.scan import Looked
from residua.data.masks.shards.opening import look_into_shards
from residua.data.masks.split import MaskSplit
from residua.data.one_split import named_split
from residua.data.shards import is_sharded
from residua.data.source import BadFile
from residua.errors import BadData


def open_mask_split(
    data: str | Path,
    *,
    encoding: MaskEncoding,
    channels: int,
    split: str | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> tuple[MaskSplit, tuple[BadFile, ...]]:
    """Open one split of `data` to evaluate a model, its masks read as those that the model was trained on.

    Args:
        data: what `open_masks` takes.
        encoding: of the masks of the training.
        channels: that the model takes.
        split: `train`, `val` or `test`; by default the last of these that the data has, and everything in folders that
            are not divided.
        tell: told as it goes on how many masks are read, and of how many.

    Returns:
        the split, and the pairs that cannot be used.

    Raises:
        BadData: there is no such split, or not one pair of it can be used.

    >>> from residua.data.masks import open_masks
    >>> encoding = open_masks("scenes").encoding
    >>> len(open_mask_split("scenes", encoding=encoding, channels=1, split="val")[0])
    100
    """
    if str(data) == SCENES:
        source = open_scenes()
        if source.classes != encoding.classes:
            raise BadData("scenes has other classes than the model; give data with the classes that it knows")
        return source.splits[named_split(SCENES, split, source.splits)], ()
    name, found = _looked_into(data, split, tell)
    looked, bad = found.looked[name], list(found.bad)
    odd = [BadFile(one.pair.image, reason) for one in looked if (reason := unknown(one, encoding))]
    bad += odd
    names = {file.name for file in odd}
    known = [one for one in looked if one.pair.image not in names]
    if not known:
        why = f"; the first: {': '.join(bad[0])}" if bad else ""
        raise BadData(f"not one pair of {name} in {data} can be used as the model knows masks{why}")
    read_as = replace(encoding, pattern=found.pattern)
    pairs = found.pairs(known, read_as, channels)
    return to_mask_split(name, known, read_as, pairs), (*found.unpaired, *bad)


def _looked_into(
    data: str | Path, split: str | None, tell: Callable[[int, int], None] | None
) -> tuple[str, PairSet]:
    """Return the name of the split that is asked for, and what is in it; of files no other split is read."""
    if is_sharded(data):
        found = look_into_shards(data, tell=tell)
        return named_split(str(data), split, found.looked), found
    listing = list_mask_data(Path(data))
    name = named_split(str(data), split, listing.pairs)
    return name, look_into_files(Path(data), replace(listing, pairs={name: listing.pairs[name]}), tell=tell)


def unknown(looked: Looked, encoding: MaskEncoding) -> str:
    """Say which values of a mask stand for no class in an encoding; nothing where all do."""
    read = {*encoding.values, *encoding.void}
    odd = [] if encoding.soft else [value for value in looked.values if value not in read]
    if not odd:
        return ""
    pixels = sum(looked.values[value] for value in odd)
    return f"{pixels:,} of its pixels have {encoding.said(odd[0])}, which stands for no class that the model knows"
