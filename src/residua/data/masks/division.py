"""Pairs divided into train, val and test where the user has not done so."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from residua.data.doubles import Group
from residua.data.listing import WHOLE, amount
from residua.errors import BadData

_HELD_OUT = 1_000
"""Pictures for validation at most, where only train is given."""

Counts = Int64[np.ndarray, "pictures classes"]
"""How many pixels of each class each picture has."""


class Parts(NamedTuple):
    """The positions that each split takes, and in sentences what was decided."""

    parts: dict[str, list[int]]
    notes: list[str]


def divide_pairs(counts: Counts, groups: list[Group], *, split: str, seed: int) -> Parts:
    """Divide one split by chance so that every class is trained on; equal pictures stay together.

    A picture counts under the rarest class in it, and of each of these every tenth is held out: so a class that
    few pictures have is in val too, where there is enough of it.

    Args:
        counts: of the pixels of each picture.
        groups: of pictures in equal files.
        split: `all`, which gives 80 % train, 10 % val and 10 % test; or `train`, which gives 10 % to val.
        seed: of the chance.

    Raises:
        BadData: nothing is left to validate on.
    """
    copies = {place for group in groups for place in group[1:]}
    single = np.array([place for place in range(len(counts)) if place not in copies], np.int64)
    if len(single) < 2:
        raise BadData(
            f"there is {amount(len(single), 'different picture')} with a mask; at least two are needed"
        )
    order = single[in_strata(counts[single], seed)]
    count = len(order)
    val = max(1, min(round(count / 10), _HELD_OUT))
    test = 0 if split != WHOLE or count < 3 else max(1, round(count / 10))
    held = order[spread(count, val + test)]
    parts = {
        "val": held[: val + test : 2] if test else held,
        "test": held[1 : val + test : 2] if test else held[:0],
    }
    parts["train"] = np.setdiff1d(single, held)
    parts = _with_all_classes(parts, counts)
    taken = {name: _with_copies(parts[name], groups) for name in ("train", "val", "test") if len(parts[name])}
    if "val" not in taken:
        raise BadData(
            "every picture is the only one with some class, so none can be held out for validation; add more"
        )
    if split == WHOLE:
        notes = [
            f"divided by chance into 80 % train, 10 % val and 10 % test, each class in its share; seed {seed}"
        ]
    else:
        held_out = f"{len(taken['val']):,} of the {len(counts):,} train pictures are held out, seed {seed}"
        notes = [f"there is no val, so {held_out}"]
    if groups:
        files, shown = amount(sum(map(len, groups)), "file"), amount(len(groups), "picture")
        notes.append(f"equal files are kept together in one split: {files} for {shown}")
    return Parts(taken, notes)


def in_strata(counts: Counts, seed: int) -> Int64[np.ndarray, " pictures"]:
    """Return the pictures by the rarest class that each has, and by chance within each."""
    having = (counts > 0).sum(axis=0)
    rarity = np.where(counts > 0, having, len(counts) + 1)
    rarest = rarity.argmin(axis=1)
    # Sorting uniform numbers, not Generator.permutation, whose stream may change between versions of NumPy.
    chance = np.random.Generator(np.random.Philox(key=[seed, 0])).random(len(counts))
    order: Int64[np.ndarray, " pictures"] = np.lexsort((chance, rarest)).astype(np.int64)
    return order


def spread(count: int, most: int) -> list[int]:
    """Return `most` positions of `count`, evenly apart.

    >>> spread(10, 2), spread(3, 2)
    ([2, 7], [0, 2])
    """
    return [(2 * index + 1) * count // (2 * most) for index in range(most)]


def _with_all_classes(parts: dict[str, np.ndarray], counts: Counts) -> dict[str, np.ndarray]:
    """Move to train one picture of each class that it would have none of."""
    train, rest = list(parts["train"]), {name: list(parts[name]) for name in ("val", "test")}
    for label in range(counts.shape[1]):
        if counts[train, label].any():
            continue
        for places in rest.values():
            found = next((place for place in places if counts[place, label]), None)
            if found is not None:
                places.remove(found)
                train.append(found)
                break
    return {name: np.sort(np.array(places, np.int64)) for name, places in ({"train": train} | rest).items()}


def _with_copies(part: np.ndarray, groups: list[Group]) -> list[int]:
    inside = set(part.tolist())
    copies = [place for group in groups if group[0] in inside for place in group[1:]]
    return sorted([*inside, *copies])
