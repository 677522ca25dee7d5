"""What is wrong with a set of pictures: every one is read whole, and nothing is changed."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import final

import numpy as np

from residua.data.balance import unbalanced
from residua.data.division import divide, left_open
from residua.data.doubles import equal_files
from residua.data.listing import Listing, class_problems, ordered
from residua.data.refusals import UnreadablePicture
from residua.data.shards import is_sharded, open_shards
from residua.data.source import DIGITS, BadFile, list_data, open_digits, to_split
from residua.data.split import Split
from residua.data.threads import in_threads
from residua.errors import BadData


@final
@dataclass(frozen=True, kw_only=True)
class Alike:
    """Pictures with the same pixels: names with their splits and classes.

    `equal` says that the files are equal too; only such are kept together where training divides the data.
    """

    names: tuple[str, ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    equal: bool = False

    @property
    def leaks(self) -> bool:
        """Whether they lie in different splits, so that a test holds what was trained on."""
        return len(set(self.splits)) > 1

    @property
    def disagrees(self) -> bool:
        """Whether they have different labels, so that one of them is wrong."""
        return len(set(self.classes)) > 1


@final
@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What was found.

    Attributes:
        data: as the user named it.
        counts: pictures by split and class.
        learned: pictures of each class that training would learn from; empty if it would refuse the data.
        undivided: the split that training would divide, or None.
        smallest, typical, largest: height and width in pixels.
        formats: how many files of each.
        odd: how many are turned by EXIF, transparent, deeper than 8 bits, of several frames.
        bad: pictures that cannot be read, each with its reason.
        alike: pictures that are the same.
        problems: of the layout, in sentences; these stop training.
        notes: what was found and ignored, and what training would decide.
    """

    data: str
    counts: dict[str, dict[str, int]]
    learned: dict[str, int]
    undivided: str | None
    smallest: tuple[int, int]
    typical: tuple[int, int]
    largest: tuple[int, int]
    formats: dict[str, int]
    odd: dict[str, int]
    bad: tuple[BadFile, ...]
    alike: tuple[Alike, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def leaks(self) -> tuple[Alike, ...]:
        """The pictures that lie in more than one split."""
        return tuple(alike for alike in self.alike if alike.leaks)

    @property
    def may_leak(self) -> tuple[Alike, ...]:
        """The pictures that training might divide between its splits: the same, but not in equal files."""
        return tuple(one for one in self.alike if not one.leaks and self._may_part(one))

    @property
    def doubles(self) -> tuple[Alike, ...]:
        """The pictures that are there more than once and do no harm to a score."""
        return tuple(one for one in self.alike if not (one.leaks or one.disagrees or self._may_part(one)))

    @property
    def weighted(self) -> bool:
        """Whether training weights the classes, because some have so much fewer pictures than others."""
        return unbalanced(self.learned.values())

    def _may_part(self, one: Alike) -> bool:
        return one.splits[0] == self.undivided and not one.equal

    @property
    def ok(self) -> bool:
        """Whether it can be trained on, and its scores believed."""
        doubted = self.leaks or self.may_leak or any(one.disagrees for one in self.alike)
        return not (self.bad or self.problems or doubted)


@final
@dataclass(frozen=True, kw_only=True)
class Looked:
    """One picture, read whole: its size, format, what is odd about it, and a hash of its pixels."""

    name: str
    split: str
    label: str
    size: tuple[int, int]
    format: str
    odd: tuple[str, ...]
    pixels: str


def check(data: str | Path, *, tell: Callable[[int, int], None] | None = None) -> CheckReport:
    """Read every picture and say what is wrong with the set.

    Args:
        data: a folder of class folders (in train/, val/, test/ or not), a table, or "digits".
        tell: told as it goes on how many pictures are read, and of how many.

    >>> check("digits").ok
    True

    Raises:
        BadData: there is no such data, or no picture in it.
    """
    if str(data) == DIGITS:
        source = open_digits()
        learned = source.splits["train"].counts()
        return report(str(data), source.splits, learned, [], source.notes, tell)
    if is_sharded(data):
        source = open_shards(data, tell=tell)
        return report(str(data), source.splits, source.splits["train"].counts(), [], source.notes, tell)
    listing = list_data(Path(data))
    classes = ordered({entry.label for entries in listing.entries.values() for entry in entries})
    splits = {
        name: to_split(name, entries, classes, listing.root) for name, entries in listing.entries.items()
    }
    learned, problems, notes = planned(listing)
    found = report(str(data), splits, learned, problems, notes, tell)
    bad = (BadFile(name, listing.missing.get(name, reason)) for name, reason in found.bad)
    return replace(
        found,
        undivided=left_open(listing),
        bad=tuple(bad),  # the line of a table says more than that there is no such file
        alike=compared(found.alike, listing.root),
    )


def planned(listing: Listing) -> tuple[dict[str, int], list[str], tuple[str, ...]]:
    """Return the pictures of each class that training would learn from, what stops it, and what is to be noted."""
    problems = [*listing.problems, *class_problems(listing)]
    if problems:
        return {}, problems, listing.notes
    try:
        divided, said, _ = divide(listing, seed=0)
    except BadData as refusal:
        return {}, [str(refusal)], listing.notes
    learned = Counter(entry.label for entry in divided.entries["train"])
    return dict(learned), [], (*listing.notes, *(f"in training: {note}" for note in said))


def report(
    data: str,
    splits: dict[str, Split],
    learned: dict[str, int],
    problems: list[str],
    notes: tuple[str, ...],
    tell: Callable[[int, int], None] | None,
) -> CheckReport:
    """Read every picture of the splits and return what there is to say of them."""
    looked, bad = look_at(splits, tell)
    sizes = sorted((one.size for one in looked), key=lambda size: size[0] * size[1]) or [(0, 0)]
    return CheckReport(
        data=data,
        counts={name: split.counts() for name, split in splits.items()},
        learned=learned,
        undivided=None,
        smallest=sizes[0],
        typical=(int(median(size[0] for size in sizes)), int(median(size[1] for size in sizes))),
        largest=sizes[-1],
        formats=counted(one.format or "in memory" for one in looked),
        odd=counted(kind for one in looked for kind in one.odd),
        bad=tuple(bad),
        alike=same_pixels(looked),
        problems=tuple(problems),
        notes=notes,
    )


def look_at(
    splits: dict[str, Split], tell: Callable[[int, int], None] | None
) -> tuple[list[Looked], list[BadFile]]:
    """Read every picture of every split, several at a time."""
    places = [(split, index) for split in splits.values() for index in range(len(split))]

    def look(place: int) -> Looked | BadFile:
        split, index = places[place]
        try:
            picture = split.read(index)  # before the header: it knows best what is wrong with a file
            header = split.pictures.header(index)
        except UnreadablePicture as refusal:
            return BadFile(split.names[index], refusal.reason)
        kinds = {
            "turned by EXIF": header.rotated,
            "transparent": header.alpha,
            "deeper than 8 bits": header.bits > 8,
            "several frames": header.several,
            "CMYK": header.mode == "CMYK",
            "palette": header.mode == "P",
        }
        digest = hashlib.sha256(repr(picture.shape).encode())
        digest.update(np.ascontiguousarray(picture).data)
        return Looked(
            name=split.names[index],
            split=split.name,
            label=split.classes[int(split.labels[index])],
            size=(header.height, header.width),
            format=header.format,
            odd=tuple(kind for kind, there in kinds.items() if there),
            pixels=digest.hexdigest(),
        )

    def done(count: int) -> None:
        if tell is not None:
            tell(count, len(places))

    found = in_threads(look, len(places), done=done)
    return [one for one in found if isinstance(one, Looked)], [
        one for one in found if isinstance(one, BadFile)
    ]


def same_pixels(looked: list[Looked]) -> tuple[Alike, ...]:
    """Group pictures whose pixels are the same, bit for bit."""
    groups: dict[str, list[Looked]] = defaultdict(list)
    for one in looked:
        groups[one.pixels].append(one)
    return tuple(
        Alike(
            names=tuple(one.name for one in group),
            splits=tuple(one.split for one in group),
            classes=tuple(one.label for one in group),
        )
        for group in groups.values()
        if len(group) > 1
    )


def compared(alike: tuple[Alike, ...], root: Path) -> tuple[Alike, ...]:
    """Say of each group whether its files are equal too."""
    names = [name for one in alike for name in one.names]
    group_of = {
        names[place]: number for number, group in enumerate(equal_files(root, names)) for place in group
    }
    return tuple(
        replace(one, equal=len({group_of.get(name, name) for name in one.names}) == 1) for one in alike
    )


def counted(kinds: Iterable[str]) -> dict[str, int]:
    """Count each kind, the commonest first."""
    return dict(Counter(kinds).most_common())
