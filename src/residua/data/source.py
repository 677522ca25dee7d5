"""Pictures with labels, divided into splits: opened from what the user names, and opened again as it was."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median_low
from typing import NamedTuple, final

from residua.archives import archive_in
from residua.data.digits import digit_pictures, digit_splits
from residua.data.division import divide
from residua.data.folders import list_folder
from residua.data.listing import (
    Entry,
    Listing,
    amount,
    bulleted,
    class_problems,
    labels_of,
    missing_path,
    refuse,
)
from residua.data.pictures import Header
from residua.data.refusals import UnreadablePicture
from residua.data.split import ArrayPictures, FilePictures, Split
from residua.data.tables import TABLE_SUFFIXES, list_table
from residua.errors import BadData

DIGITS = "digits"
_SAMPLE = 1_000


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
        left_out: names of pictures that are not in the splits, because they could not be read.
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
    left_out: tuple[str, ...] = field(default=(), repr=False)

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
        missing = sum(map(len, self.splits.values())) - sum(map(len, splits.values()))
        note = f"{amount(missing, 'unreadable picture')} left out"
        rest = tuple(file for file in self.bad if file.name not in names)
        left_out = (*self.left_out, *sorted(names))
        return replace(self, splits=splits, notes=(*self.notes, note), bad=rest, left_out=left_out)


def open_source(data: str | Path, *, seed: int = 0) -> Source:
    """Open `digits`, a folder of class folders, or a .csv, .tsv or .parquet table.

    No picture is decoded; up to 1,000 headers are read. What `train/`, `val/` and `test/` leave open is divided
    by class from `seed` and said in `notes`: class folders alone give 80 % / 10 % / 10 %; without `val/` the
    smaller of 10 % and 1,000 pictures is held out of train. Files of equal bytes stay together in one split.

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
    classes = listing.classes()
    listing, notes, doubles = divide(listing, seed)
    splits = {
        name: to_split(name, entries, classes, listing.root) for name, entries in listing.entries.items()
    }
    bad = tuple(BadFile(name, reason) for name, reason in listing.missing.items())
    return described_by_headers(
        Path(data), listing.root, splits, (*listing.notes, *notes, *doubles), seed=seed, bad=bad
    )


def unreadable(data: str | Path, bad: Sequence[BadFile]) -> BadData:
    """Return the error that names the pictures of `data` that cannot be read."""
    named = bulleted(f"{name}: {reason}" for name, reason in bad)
    return BadData(
        f"{amount(len(bad), 'picture')} in {data} cannot be read:\n{named}\n"
        "Repair or remove them, or leave them out with --skip-bad"
    )


def list_data(path: Path) -> Listing:
    """Return what the folder or the table at `path` lists.

    Raises:
        BadData: there is none, its layout is not one that is read, or it may not be looked into.
        MissingExtra: a Parquet table without pyarrow.
    """
    try:
        if path.is_dir():
            return list_folder(path)
        if not path.exists():
            raise missing_path(path)
        if path.suffix.lower() in TABLE_SUFFIXES:
            return list_table(path)
    except OSError as error:
        raise BadData(
            f"{error.filename or path} cannot be looked at: {error.strerror or error}; "
            "change that, or name other data"
        ) from error
    if archive := archive_in(path):
        raise BadData(
            f"{path} is {archive}; nothing was taken out. If you trust it, unpack it yourself and name the folder"
        )
    raise BadData(f"{path} is a file but no table: give a folder, a .csv, .tsv or .parquet table, or digits")


def to_split(name: str, entries: list[Entry], classes: tuple[str, ...], root: Path) -> Split:
    """Return the split of the files in `entries`."""
    names = tuple(entry.name for entry in entries)
    return Split(name, classes, names, labels_of(entries, classes), FilePictures(root, names))


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
    """Say how many pictures are read as something else than they are."""
    found = {
        "grey and read as RGB": sum(header.channels == 1 for header in headers) if channels == 3 else 0,
        "of several frames, the first of them read": sum(header.several for header in headers),
        "transparent and laid on white": sum(header.alpha for header in headers),
    }
    return [
        f"{kind}: {count:,} of {amount(len(headers), 'picture')} looked at"
        for kind, count in found.items()
        if count
    ]


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
