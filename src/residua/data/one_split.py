"""One split of some data, for a model that was trained elsewhere: its classes decide what the labels mean."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from residua.data.listing import WHOLE, Entry, refuse
from residua.data.shards import is_sharded, open_shards
from residua.data.source import DIGITS, list_data, open_digits, to_split
from residua.data.split import Split
from residua.errors import BadData


def open_split(data: str | Path, *, classes: tuple[str, ...], split: str | None = None) -> Split:
    """Open one split of `data` to evaluate a model that knows `classes`; labels are positions in them.

    Args:
        data: what `open_source` takes.
        classes: the class names of the model, in its order.
        split: `train`, `val` or `test`; by default the last of these that the data has, and everything in class
            folders that are not divided.

    Raises:
        BadData: there is no such split, or a class in it that the model does not know.
    """
    if str(data) == DIGITS or is_sharded(data):
        splits = open_digits().splits if str(data) == DIGITS else open_shards(data).splits
        found = splits[named_split(str(data), split, splits)]
        entries = [
            Entry(name, found.classes[label]) for name, label in zip(found.names, found.labels, strict=True)
        ]
        _known(str(data), entries, classes)
        labels = np.array([classes.index(entry.label) for entry in entries], np.int64)
        return Split(found.name, classes, found.names, labels, found.pictures)
    listing = list_data(Path(data))
    if listing.problems:
        raise refuse(str(data), listing.problems)
    if set(listing.entries) == {WHOLE} and split in (None, WHOLE):
        split = WHOLE
    name = named_split(str(data), split, listing.entries)
    _known(str(data), listing.entries[name], classes)
    return to_split(name, listing.entries[name], classes, listing.root)


def named_split(data: str, split: str | None, splits: Iterable[str]) -> str:
    """Return the split that is asked for; the last there is, if none is.

    Raises:
        BadData: there is no such split.
    """
    splits = list(splits)
    if split is None:
        return splits[-1]
    if split not in splits:
        raise BadData(f"{data} has no split '{split}'; it has {', '.join(splits)}")
    return split


def _known(data: str, entries: list[Entry], classes: tuple[str, ...]) -> None:
    unknown = sorted({entry.label for entry in entries} - set(classes))
    if unknown:
        few = ", ".join(classes[:10]) + (" ..." if len(classes) > 10 else "")
        raise BadData(f"{data} has class '{unknown[0]}', which the model does not know; it knows {few}")
