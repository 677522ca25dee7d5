"""A listing divided into train, val and test where the user has not done so."""

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from residua.data.dividing import Indices, divided, held_out
from residua.data.doubles import Group, equal_files
from residua.data.listing import WHOLE, Entry, Listing, amount, labels_of
from residua.errors import BadData

_HELD_OUT = 1_000
"""Pictures for validation at most: from them an accuracy of 90 % is known to one point."""


class Division(NamedTuple):
    """The listing with train and val in it, and in sentences what was decided, and what of equal files."""

    listing: Listing
    notes: list[str]
    doubles: list[str]


def left_open(listing: Listing) -> str | None:
    """Return the name of the split that is divided before training, or None if the user has divided it all."""
    if WHOLE in listing.entries:
        return WHOLE
    return None if "val" in listing.entries else "train"


def divide(listing: Listing, seed: int) -> Division:
    """Divide by class what the user has left undivided; files of equal bytes stay together in one split.

    Raises:
        BadData: nothing can be held out for validation, or nothing of a class is left to learn from.
    """
    name = left_open(listing)
    if name is None:
        return Division(listing, [], [])
    entries, classes = listing.entries[name], listing.classes()
    groups = equal_files(listing.root, [entry.name for entry in entries])
    # One file stands for all that equal it; they follow it into its split.
    copies = {place for group in groups for place in group[1:]}
    single = np.array([place for place in range(len(entries)) if place not in copies], np.int64)
    parts = _parts(labels_of(entries, classes)[single], name, seed)
    taken = {
        split: [entries[place] for place in _with_copies(single[part], groups)]
        for split, part in parts.items()
        if len(part)
    }
    if "val" not in taken:
        raise BadData(
            "every class has a single picture, copies aside, so none can be held out for validation; add more"
        )
    _refuse_untrained(taken["train"], classes)
    if name == WHOLE:
        notes = [f"divided by class into 80 % train, 10 % val, 10 % test, seed {seed}"]
        notes += _small_classes([entries[place] for place in single], different=bool(groups))
    else:
        held = f"{len(taken['val']):,} of the {len(entries):,} train pictures are held out, seed {seed}"
        notes = [f"there is no val, so {held}"]
    rest = {split: found for split, found in listing.entries.items() if split != name}
    return Division(replace(listing, entries=taken | rest), notes, _said_of(groups, entries))


def _parts(labels: Indices, name: str, seed: int) -> dict[str, Indices]:
    if name == WHOLE:
        return divided(labels, seed=seed)
    train, val = held_out(labels, min(round(len(labels) / 10), _HELD_OUT), seed=seed)
    return {"train": train, "val": val}


def _with_copies(part: Indices, groups: list[Group]) -> Indices:
    inside = set(part.tolist())
    copies = [place for group in groups if group[0] in inside for place in group[1:]]
    return np.sort(np.concatenate([part, np.array(copies, np.int64)]))


def _refuse_untrained(train: list[Entry], classes: tuple[str, ...]) -> None:
    learned = {entry.label for entry in train}
    for label in classes:
        if label not in learned:
            raise BadData(
                f"every picture of class '{label}' is there under another class too, so none may be left to learn "
                "it from; `residua check` names them: remove each from all classes but its own"
            )


def _small_classes(entries: list[Entry], *, different: bool) -> list[str]:
    """Say which classes are too small to be in every split."""
    kind = "different picture" if different else "picture"
    small = {label: count for label, count in Counter(entry.label for entry in entries).items() if count < 3}
    return [
        f"class '{label}' has {amount(count, kind)}, too few for {'val and test' if count == 1 else 'test'}"
        for label, count in sorted(small.items())
    ]


def _said_of(groups: list[Group], entries: list[Entry]) -> list[str]:
    if not groups:
        return []
    files, shown = amount(sum(map(len, groups)), "file"), amount(len(groups), "picture")
    said = [f"equal files are kept together in one split: {files} for {shown}"]
    if doubted := sum(len({entries[place].label for place in group}) > 1 for group in groups):
        said.append(f"under more than one class: {amount(doubted, 'picture')}; `residua check` names them")
    return said
