"""Pictures with masks, opened from what the user names."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median_low
from typing import Final

import numpy as np

from residua.data.doubles import equal_files
from residua.data.listing import WHOLE, missing_path
from residua.data.masks.division import divide_pairs
from residua.data.masks.encoding import MaskEncoding
from residua.data.masks.layout import PairListing, list_pairs
from residua.data.masks.mapping import found_encoding
from residua.data.masks.naming import find_names, given_names
from residua.data.masks.pairset import PairSet
from residua.data.masks.scan import Looked, layers_of, scan
from residua.data.masks.shards.opening import look_into_shards
from residua.data.masks.source import MaskSource, unusable
from residua.data.masks.split import ArrayPairs, FilePairs, MaskSplit, Pairs
from residua.data.masks.table import list_table_pairs
from residua.data.scenes import scenes
from residua.data.shards import is_sharded
from residua.data.source import BadFile
from residua.data.tables import TABLE_SUFFIXES
from residua.errors import BadData
from residua.types import VOID

SCENES: Final = "scenes"


def open_masks(
    data: str | Path,
    *,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    void: Sequence[int] | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> MaskSource:
    """Open `scenes`, a folder of pictures and masks, a table with a column of each, or shards of both.

    Every mask is read: what its values mean is found out here and said in `notes`. No picture is decoded. What
    `train/`, `val/` and `test/` leave open is divided from `seed`.

    Args:
        data: as the user named it.
        seed: of the division.
        classes: their names, or the path of a file of them; by default those of a `classes.txt` beside the masks.
        void: values of the masks that stand for no class; detected if not given.
        tell: told as it goes on how many masks are read, and of how many.

    >>> source = open_masks("scenes")
    >>> {name: len(split) for name, split in source.splits.items()}
    {'train': 2000, 'val': 100, 'test': 200}

    Raises:
        BadData: there is no such data, its layout is none of those, or its masks are not understood.
        MissingExtra: a Parquet table without pyarrow, or a TIFF file that needs tifffile.
    """
    if str(data) == SCENES:
        return open_scenes(seed=seed)
    if is_sharded(data):
        found = look_into_shards(data, tell=tell)
    else:
        found = look_into_files(Path(data), list_mask_data(Path(data)), tell=tell)
    if len(found.bad) > sum(map(len, found.looked.values())):  # what is wrong with most is wrong with all
        raise unusable(data, found.bad)
    if found.encoding is None:
        names = given_names(classes) if classes else found.names
        looked = [one for ones in found.looked.values() for one in ones]
        encoding, notes = found_encoding(
            looked, names=names, void=void, pattern=found.pattern, layers=found.layers
        )
    elif classes or void:
        raise BadData(
            f"{data} say themselves what their masks mean ({found.encoding.meaning(most=3)}); classes and void values "
            "are given to `residua shard`"
        )
    else:
        encoding, notes = found.encoding, ()
    return source_of(found, encoding, notes, seed=seed)


def look_into_files(
    path: Path, listing: PairListing, *, tell: Callable[[int, int], None] | None = None
) -> PairSet:
    """Read every mask in a folder or a table and the header of every picture.

    Args:
        path: of the folder or the table.
        listing: what it lists.
        tell: told as it goes on how many masks are read, and of how many.

    Raises:
        MissingExtra: there is a TIFF file that needs tifffile.
    """
    pairs = [pair for found in listing.pairs.values() for pair in found]
    looked, bad = scan(listing.root, pairs, tell=tell)
    split_of = {pair.image: split for split, found in listing.pairs.items() for pair in found}
    by_split: dict[str, list[Looked]] = {split: [] for split in listing.pairs}
    for one in looked:
        by_split[split_of[one.pair.image]].append(one)

    def read(chosen: Sequence[Looked], encoding: MaskEncoding, channels: int) -> FilePairs:
        return FilePairs(listing.root, tuple(one.pair for one in chosen), encoding, channels)

    return PairSet(
        name=path.resolve().stem if path.is_file() else path.resolve().name,
        root=listing.root,
        looked=by_split,
        pairs=read,
        names=find_names(listing.tops),
        pattern=listing.pattern,
        layers=layers_of(pairs),
        equal=partial(equal_files, listing.root),
        unpaired=listing.unpaired,
        bad=tuple(bad),
        notes=listing.notes,
    )


def list_mask_data(path: Path) -> PairListing:
    """Return what the folder or the table at `path` lists.

    Raises:
        BadData: there is none, its layout is not one that is read, or it may not be looked into.
        MissingExtra: a Parquet table without pyarrow.
    """
    try:
        if path.is_dir():
            return list_pairs(path)
        if not path.exists():
            raise missing_path(path)
        if path.suffix.lower() in TABLE_SUFFIXES:
            return list_table_pairs(path)
    except OSError as error:
        raise BadData(
            f"{error.filename or path} cannot be looked at: {error.strerror or error}; "
            "change that, or name other data"
        ) from error
    raise BadData(f"{path} is a file but no table: give a folder, a .csv, .tsv or .parquet table, or scenes")


def open_scenes(*, seed: int = 0, side: int = 64) -> MaskSource:
    """Return the embedded scenes of `seed`."""
    found = scenes(seed=seed, side=side)
    first = next(iter(found.values()))
    classes = first.classes
    splits = {
        name: MaskSplit(
            name,
            classes,
            split.names,
            np.stack([np.bincount(mask.ravel(), minlength=len(classes)) for mask in split.masks]).astype(
                np.int64
            ),
            np.full((len(split), 2), side, np.int64),
            ArrayPairs(split.pictures, split.masks),
        )
        for name, split in found.items()
    }
    counts = ", ".join(f"{len(split):,} {name}" for name, split in splits.items())
    return MaskSource(
        name=SCENES,
        root=Path(),
        classes=classes,
        encoding=MaskEncoding(kind="values", classes=classes, values=tuple(range(len(classes)))),
        channels=1,
        mirrored=False,
        splits=splits,
        notes=(f"scenes of digits, drawn from seed {seed}: {counts}", "digits are not mirrored"),
        typical_size=(side, side),
        seed=seed,
    )


def source_of(found: PairSet, encoding: MaskEncoding, notes: tuple[str, ...], *, seed: int) -> MaskSource:
    """Return the source of pairs that were looked at, divided where the user has not done so.

    Raises:
        BadData: no picture is left to train or to validate on.
    """
    by_split, bad = dict(found.looked), found.bad
    said: list[str] = []
    open_split = WHOLE if WHOLE in by_split else None if by_split.get("val") else "train"
    if open_split:
        looked = by_split.pop(open_split, [])
        counts = class_counts(looked, encoding)
        equal = found.equal([one.pair.image for one in looked])
        parts, said = divide_pairs(counts, equal, split=open_split, seed=seed)
        by_split = {name: [looked[place] for place in places] for name, places in parts.items()} | by_split
    if not by_split.get("train"):
        raise unusable(found.name, bad)
    headers = [one.header for one in by_split["train"]]
    channels = _channels(Counter(header.channels for header in headers))
    splits: dict[str, MaskSplit] = {}
    for name in ("train", "val", "test"):
        if by_split.get(name):
            fits = [one for one in by_split[name] if _fits(one, channels)]
            bad += tuple(_unlike(one, channels) for one in by_split[name] if not _fits(one, channels))
            splits[name] = to_mask_split(name, fits, encoding, found.pairs(fits, encoding, channels))
    mirrored, why = _mirrored(encoding.classes)
    return MaskSource(
        name=found.name,
        root=found.root,
        classes=encoding.classes,
        encoding=encoding,
        channels=channels,
        mirrored=mirrored,
        splits=splits,
        notes=tuple(
            dict.fromkeys((*found.notes, *notes, *said, *why, *_unseen(splits), *_said_of_doubled(by_split)))
        ),
        typical_size=(median_low(h.height for h in headers), median_low(h.width for h in headers)),
        seed=seed,
        bad=(*found.unpaired, *bad),
    )


def to_mask_split(name: str, looked: Sequence[Looked], encoding: MaskEncoding, pairs: Pairs) -> MaskSplit:
    """Return the split of pairs that were looked at."""
    return MaskSplit(
        name,
        encoding.classes,
        tuple(one.pair.image for one in looked),
        class_counts(looked, encoding),
        np.array([(one.header.height, one.header.width) for one in looked], np.int64).reshape(-1, 2),
        pairs,
    )


def class_counts(looked: Sequence[Looked], encoding: MaskEncoding) -> np.ndarray:
    """Return how many pixels of each class each picture has."""
    counts = np.zeros((len(looked), len(encoding.classes)), np.int64)
    for row, one in enumerate(looked):
        values = np.array([list(one.values)], np.int32)
        for label, number in zip(encoding.decode(values)[0].tolist(), one.values.values(), strict=True):
            if label != VOID:
                counts[row, label] += number
    return counts


def _channels(found: Counter[int]) -> int:
    """Return the channels of most pictures; grey ones are read as RGB where any is in colour."""
    if set(found) <= {1, 3}:
        return max(found)
    return max(found, key=lambda channels: (found[channels], channels))


def _fits(one: Looked, channels: int) -> bool:
    return one.header.channels == channels or {one.header.channels, channels} <= {1, 3}


def _unlike(one: Looked, channels: int) -> BadFile:
    return BadFile(
        one.pair.image, f"it has {one.header.channels} channels, and most of the others have {channels}"
    )


def _mirrored(classes: Sequence[str]) -> tuple[bool, list[str]]:
    sides = [
        label for label in classes if {"left", "right"} & set(label.casefold().replace("-", "_").split("_"))
    ]
    return (False, [f"pictures are not mirrored, because of class '{sides[0]}'"]) if sides else (True, [])


def _unseen(splits: dict[str, MaskSplit]) -> list[str]:
    """Say which classes cannot be learned, because no training picture has them."""
    return [
        f"class '{label}' is in no training picture, so it cannot be learned"
        for label, pictures in splits["train"].pictures_with().items()
        if not pictures
    ]


def _said_of_doubled(by_split: dict[str, list[Looked]]) -> list[str]:
    doubled = sum(one.doubled for found in by_split.values() for one in found)
    return (
        [f"{doubled:,} pixels are in the files of two classes: the later class has them"] if doubled else []
    )
