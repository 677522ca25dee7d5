"""What is wrong with a set of pictures: every one is read whole, and nothing is changed."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import final

from residua.data.listing import class_problems
from residua.data.refusals import UnreadablePicture
from residua.data.source import DIGITS, BadFile, list_data, open_digits, to_split
from residua.data.split import Split


@final
@dataclass(frozen=True, kw_only=True)
class Alike:
    """Pictures with the same pixels: names with their splits and classes."""

    names: tuple[str, ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]

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
        smallest, typical, largest: height and width in pixels.
        formats: how many files of each.
        odd: how many are turned by EXIF, transparent, deeper than 8 bits, of several frames.
        bad: pictures that cannot be read, each with its reason.
        alike: pictures that are the same.
        problems: of the layout, in sentences; these stop training.
        notes: what was found and ignored.
    """

    data: str
    counts: dict[str, dict[str, int]]
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
    def ok(self) -> bool:
        """Whether it can be trained on, and its scores believed."""
        return not (self.bad or self.problems or self.leaks or any(one.disagrees for one in self.alike))


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


def check(data: str | Path) -> CheckReport:
    """Read every picture and say what is wrong with the set.

    >>> check("digits").ok
    True

    Raises:
        BadData: there is no such data, or no picture in it.
    """
    if str(data) == DIGITS:
        splits, problems, notes = open_digits().splits, [], list(open_digits().notes)
    else:
        listing = list_data(Path(data))
        problems = [*listing.problems, *class_problems(listing)]
        classes = tuple(sorted({entry.label for entries in listing.entries.values() for entry in entries}))
        splits = {
            name: to_split(name, entries, classes, listing.root) for name, entries in listing.entries.items()
        }
        notes = list(listing.notes)
    looked, bad = look_at(splits)
    sizes = sorted((one.size for one in looked), key=lambda size: size[0] * size[1]) or [(0, 0)]
    return CheckReport(
        data=str(data),
        counts={name: split.counts() for name, split in splits.items()},
        smallest=sizes[0],
        typical=(int(median(size[0] for size in sizes)), int(median(size[1] for size in sizes))),
        largest=sizes[-1],
        formats=counted(one.format or "in memory" for one in looked),
        odd=counted(kind for one in looked for kind in one.odd),
        bad=tuple(bad),
        alike=same_pixels(looked),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def look_at(splits: dict[str, Split]) -> tuple[list[Looked], list[BadFile]]:
    """Read every picture of every split, several at a time."""

    def look(place: tuple[Split, int]) -> Looked | BadFile:
        split, index = place
        try:
            picture = split.read(index)  # before the header: it knows best what is wrong with a file
            header = split.pictures.header(index)
        except UnreadablePicture as refusal:
            return BadFile(split.names[index], refusal.reason)
        kinds = {
            "turned by EXIF": header.rotated,
            "transparent": header.alpha,
            "deeper than 8 bits": header.bits > 8,
            "several frames": header.frames > 1,
            "CMYK": header.mode == "CMYK",
            "palette": header.mode == "P",
        }
        return Looked(
            name=split.names[index],
            split=split.name,
            label=split.classes[int(split.labels[index])],
            size=(header.height, header.width),
            format=header.format,
            odd=tuple(kind for kind, there in kinds.items() if there),
            pixels=hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest(),
        )

    places = [(split, index) for split in splits.values() for index in range(len(split))]
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(look, places))
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


def counted(kinds: Iterable[str]) -> dict[str, int]:
    """Count each kind, the commonest first."""
    return dict(Counter(kinds).most_common())
