"""What a folder or a table says it holds, before anything is decided or read."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Int64

from residua.errors import BadData

WHOLE = "all"
"""The name of the one split of data that is not divided yet."""


class Entry(NamedTuple):
    """One picture by name and its class."""

    name: str
    label: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What was found: `entries` by split (`all` where the data is not divided), relative to `root`.

    `problems` stop training but not a check; `missing` are pictures that are listed and are not there.
    """

    root: Path
    kind: str
    entries: dict[str, list[Entry]]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)

    def classes(self) -> tuple[str, ...]:
        """Return the classes of the training pictures in their order: by number if all are, else by name."""
        split = self.entries.get("train") or self.entries.get(WHOLE) or next(iter(self.entries.values()), [])
        return ordered({entry.label for entry in split})


def amount(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, in the plural unless it is 1.

    >>> amount(1, "picture"), amount(1_500, "picture"), amount(2, "class", "classes")
    ('1 picture', '1,500 pictures', '2 classes')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def labels_of(entries: list[Entry], classes: tuple[str, ...]) -> Int64[np.ndarray, " count"]:
    """Return the label of each entry: the position of its class in `classes`."""
    position = {label: index for index, label in enumerate(classes)}
    return np.array([position[entry.label] for entry in entries], np.int64)


def ordered(labels: Iterable[str]) -> tuple[str, ...]:
    """Return `labels` sorted, as numbers if each of them is one.

    >>> ordered({"10", "9", "2"}), ordered({"dog", "10", "9"})
    (('2', '9', '10'), ('10', '9', 'dog'))
    """
    labels = set(labels)
    if all(label.isascii() and label.isdigit() for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))


def class_problems(listing: Listing) -> list[str]:
    """Return in words what is wrong with the classes: too few, or not the same in every split."""
    classes = listing.classes()
    if len(classes) < 2:
        found = f"one class, '{classes[0]}'" if classes else "no class with a picture"
        return [f"there is {found}; a classifier needs at least two, each with its pictures"]
    problems = []
    for split, entries in listing.entries.items():
        present = {entry.label for entry in entries}
        problems += [
            f"class '{label}' has no picture in {split}{_like(label, present - set(classes))}; add some, "
            f"or leave {split} out so that it is held out of train, or remove the class everywhere"
            for label in classes
            if label not in present
        ]
        problems += [
            f"class '{label}' is in {split} but not in train{_like(label, classes)}; "
            f"give it training pictures or remove it from {split}"
            for label in ordered(present - set(classes))
        ]
    return problems


def _like(label: str, others: Iterable[str]) -> str:
    folded = {other.strip().casefold(): other for other in others}
    near = get_close_matches(label.strip().casefold(), list(folded), n=1, cutoff=0.8)
    return f" (is '{folded[near[0]]}' the same class?)" if near else ""


def refuse(data: str, problems: Iterable[str]) -> BadData:
    """Return the error that lists the first ten of `problems` and counts the rest."""
    return BadData(f"{data} cannot be used as it is:\n{bulleted(problems)}")


def bulleted(lines: Iterable[str], *, most: int = 10) -> str:
    """Return the first `most` of `lines`, one a row, and how many more there are."""
    lines = list(lines)
    rows = [f"  - {line}" for line in lines[:most]]
    if len(lines) > most:
        rows.append(f"  and {len(lines) - most:,} more")
    return "\n".join(rows)


def missing_path(path: Path) -> BadData:
    """Return the error for a path that does not exist, naming the nearest one that does."""
    known = path.absolute()
    while not known.parent.is_dir() and known.parent != known:
        known = known.parent
    try:
        siblings = sorted(
            sibling.name for sibling in known.parent.iterdir() if not sibling.name.startswith(".")
        )
    except OSError:
        siblings = []
    near = get_close_matches(known.name, siblings, n=3, cutoff=0.6)
    if near:
        hint = f"did you mean {' or '.join(str(_beside(path, known, name)) for name in near)}?"
    else:
        hint = f"{known.parent} holds {', '.join(siblings[:8]) or 'nothing'}{' ...' if len(siblings) > 8 else ''}."
    return BadData(
        f"there is no {path}; {hint} Give a folder, a .csv, .tsv or .parquet table, digits or scenes"
    )


def _beside(path: Path, known: Path, name: str) -> Path:
    """Return `path` up to its first wrong part, that part replaced by `name`, as the user wrote it."""
    wrong = len(path.absolute().parts) - len(known.parts)
    written = path
    for _ in range(wrong):
        written = written.parent
    return written.with_name(name) if written.name else known.with_name(name)
