"""Pictures with labels, divided into splits: opened from what the user names, and opened again as it was."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median_low
from typing import NamedTuple, final

import numpy as np

from residua.data.digits import digit_pictures, digit_splits
from residua.data.dividing import divided, held_out
from residua.data.folders import list_folder
from residua.data.listing import WHOLE, Entry, Listing, class_problems, missing_path, refuse
from residua.data.pictures import Header
from residua.data.refusals import UnreadablePicture
from residua.data.split import ArrayPictures, FilePictures, Split
from residua.data.tables import TABLE_SUFFIXES, list_table
from residua.errors import BadData

DIGITS = "digits"
_SAMPLE = 1_000
_HELD_OUT = 2_000


class BadFile(NamedTuple):
    """A picture that cannot be used, and why."""

    name: str
    reason: str


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """Pictures with labels, divided into splits.

    Attributes:
        name: what it is called in a run: `digits`, or the name of the folder or the table.
        root: the folder that the names of the pictures start from; the current one for digits.
        classes: the class names; a label is a position in them.
        channels: 1 if every picture looked at is grey, else 3.
        mirrored: whether a picture may be flipped left to right and still be right.
        splits: `train`, and `val` and `test` where they exist.
        notes: what was found and decided for the user, in sentences.
        typical_size: the median height and width of the pictures looked at.
        seed: what the division was drawn from.
        bad: pictures that are listed but known to be missing; a scan adds those that cannot be read.
    """

    name: str
    root: Path
    classes: tuple[str, ...]
    channels: int
    mirrored: bool
    splits: dict[str, Split]
    notes: tuple[str, ...]
    typical_size: tuple[int, int]
    seed: int = 0
    bad: tuple[BadFile, ...] = field(default=(), repr=False)

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that differ when a class, a name, a label or a split does."""
        digest = hashlib.sha256("\0".join(self.classes).encode())
        for split in self.splits.values():
            digest.update(f"\1{split.name}\1".encode())
            digest.update("\0".join(split.names).encode("utf-8", "surrogateescape"))
            digest.update(split.labels.tobytes())
        return digest.hexdigest()[:16]

    def without(self, bad: Iterable[BadFile]) -> "Source":
        """Return the source less the pictures in `bad`, and say so in its notes.

        Raises:
            BadData: a class has no picture left in a split.
        """
        bad = tuple(bad)
        if not bad:
            return self
        names = {file.name for file in bad}
        splits = {name: split.without(names) for name, split in self.splits.items()}
        for name, split in splits.items():
            for label, count in split.counts().items():
                if not count and self.splits[name].counts()[label]:
                    raise BadData(
                        f"no picture of class '{label}' in {name} can be read; add some or remove the class"
                    )
        left_out = sum(map(len, self.splits.values())) - sum(map(len, splits.values()))
        note = f"{left_out:,} unreadable {'picture' if left_out == 1 else 'pictures'} left out"
        rest = tuple(file for file in self.bad if file.name not in names)
        return replace(self, splits=splits, notes=(*self.notes, note), bad=rest)


def open_source(data: str | Path, *, seed: int = 0) -> Source:
    """Open `digits`, a folder of class folders, or a .csv, .tsv or .parquet table.

    No picture is decoded; up to 1,000 headers are read. What `train/`, `val/` and `test/` leave open is divided
    by class from `seed` and said in `notes`: class folders alone give 80 % / 10 % / 10 %; without `val/` the
    smaller of 10 % and 2,000 pictures is held out of train.

    >>> source = open_source("digits")
    >>> {name: len(split) for name, split in source.splits.items()}
    {'train': 1212, 'val': 135, 'test': 450}

    Raises:
        BadData: there is no such data, its layout is none of those, or a class is missing from a split.
        MissingExtra: a Parquet table without pyarrow.
    """
    if str(data) == DIGITS:
        return open_digits()
    listing = list_data(Path(data))
    if problems := [*listing.problems, *class_problems(listing)]:
        raise refuse(str(data), problems)
    listing, notes = divide(listing, seed)
    classes = listing.classes()
    splits = {
        name: to_split(name, entries, classes, listing.root) for name, entries in listing.entries.items()
    }
    bad = tuple(BadFile(name, reason) for name, reason in listing.missing.items())
    return described_by_headers(
        Path(data), listing.root, splits, (*listing.notes, *notes), seed=seed, bad=bad
    )


def list_data(path: Path) -> Listing:
    """Return what the folder or the table at `path` lists."""
    if path.is_dir():
        return list_folder(path)
    if not path.exists():
        raise missing_path(path)
    if path.suffix.lower() in TABLE_SUFFIXES:
        return list_table(path)
    raise BadData(f"{path} is a file but no table: give a folder, a .csv, .tsv or .parquet table, or digits")


def divide(listing: Listing, seed: int) -> tuple[Listing, list[str]]:
    """Return the listing with train and val in it, and what was decided, in sentences."""
    classes = listing.classes()
    if WHOLE in listing.entries:
        entries = listing.entries[WHOLE]
        parts = divided(_labels(entries, classes), seed=seed)
        notes = [f"divided by class into 80 % train, 10 % val, 10 % test, seed {seed}"]
        notes += _small_classes(entries)
    elif "val" not in listing.entries:
        entries = listing.entries["train"]
        count = min(round(len(entries) / 10), _HELD_OUT)
        train, val = held_out(_labels(entries, classes), count, seed=seed)
        parts = {"train": train, "val": val}
        notes = [
            f"there is no val, so {len(val):,} of the {len(entries):,} train pictures are held out, seed {seed}"
        ]
    else:
        return listing, []
    cut = {name: [entries[index] for index in part] for name, part in parts.items() if len(part)}
    if "val" not in cut:
        raise BadData("every class has a single picture, so none can be held out for validation; add more")
    rest = {name: entries for name, entries in listing.entries.items() if name not in (WHOLE, "train")}
    return replace(listing, entries=cut | rest), notes


def _small_classes(entries: list[Entry]) -> list[str]:
    small = {label: count for label, count in Counter(entry.label for entry in entries).items() if count < 3}
    return [
        f"class '{label}' has {count} picture{'s' if count > 1 else ''}, too few for val and test"
        if count == 1
        else f"class '{label}' has 2 pictures, too few for test"
        for label, count in sorted(small.items())
    ]


def to_split(name: str, entries: list[Entry], classes: tuple[str, ...], root: Path) -> Split:
    """Return the split of the files in `entries`."""
    names = tuple(entry.name for entry in entries)
    return Split(name, classes, names, _labels(entries, classes), FilePictures(root, names))


def _labels(entries: list[Entry], classes: tuple[str, ...]) -> np.ndarray:
    position = {label: index for index, label in enumerate(classes)}
    return np.array([position[entry.label] for entry in entries], np.int64)


def described_by_headers(
    data: Path,
    root: Path,
    splits: dict[str, Split],
    notes: Iterable[str],
    *,
    seed: int,
    bad: tuple[BadFile, ...],
) -> Source:
    """Return the source of `splits`, its channels and typical size read from the headers of some pictures."""
    train = splits["train"]
    known = {file.name for file in bad}
    headers: list[Header] = []
    refused: UnreadablePicture | None = None
    for index in evenly(len(train), _SAMPLE):
        if train.names[index] in known:
            continue
        try:
            headers.append(train.pictures.header(index))
        except UnreadablePicture as refusal:
            refused = refused or refusal
    if not headers:
        raise BadData(f"none of the training pictures in {data} can be read; the first: {refused}")
    channels = 1 if all(header.channels == 1 for header in headers) else 3
    typical = (
        median_low(header.height for header in headers),
        median_low(header.width for header in headers),
    )
    mirrored, why = _mirrored(train.classes, channels)
    notes = [*notes, *why, *_said_of(headers, channels)]
    return Source(
        name=data.resolve().stem if data.is_file() else data.resolve().name,
        root=root,
        classes=train.classes,
        channels=channels,
        mirrored=mirrored,
        splits=splits,
        notes=tuple(notes),
        typical_size=typical,
        seed=seed,
        bad=bad,
    )


def evenly(count: int, most: int) -> list[int]:
    """Return up to `most` indices spread over `count`.

    >>> evenly(10, 3), evenly(2, 3)
    ([0, 3, 6], [0, 1])
    """
    return [index * count // min(count, most) for index in range(min(count, most))]


def _said_of(headers: list[Header], channels: int) -> list[str]:
    notes = []
    grey = sum(header.channels == 1 for header in headers)
    if channels == 3 and grey:
        notes.append(f"{grey:,} of {len(headers):,} pictures looked at are grey and are read as RGB")
    if several := sum(header.frames > 1 for header in headers):
        notes.append(
            f"{several:,} of {len(headers):,} pictures looked at have several frames: the first is read"
        )
    if alpha := sum(header.alpha for header in headers):
        notes.append(
            f"{alpha:,} of {len(headers):,} pictures looked at are transparent and are laid on white"
        )
    return notes


def _mirrored(classes: tuple[str, ...], channels: int) -> tuple[bool, list[str]]:
    if channels == 1 and all(len(label) == 1 for label in classes):
        return False, ["grey pictures of single letters or digits are not mirrored"]
    sides = [
        label for label in classes if {"left", "right"} & set(label.casefold().replace("-", "_").split("_"))
    ]
    if sides:
        return False, [f"pictures are not mirrored, because of class '{sides[0]}'"]
    return True, []


def open_digits() -> Source:
    """Return the embedded digits, always divided in the same way."""
    pixels, labels = digit_pictures()
    classes = tuple(str(digit) for digit in range(10))
    splits = {
        name: Split(
            name,
            classes,
            tuple(f"digits/{index:04d}" for index in indices),
            labels[indices],
            ArrayPictures(pixels[indices]),
        )
        for name, indices in digit_splits().items()
    }
    counts = ", ".join(f"{len(split):,} {name}" for name, split in splits.items())
    return Source(
        name=DIGITS,
        root=Path(),
        classes=classes,
        channels=1,
        mirrored=False,
        splits=splits,
        notes=(
            f"the digits are divided by class, always in the same way: {counts}",
            "digits are not mirrored",
        ),
        typical_size=(8, 8),
    )
