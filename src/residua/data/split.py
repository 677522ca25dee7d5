"""The pictures and labels of one split, wherever they are kept."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Int64, UInt8

from residua.data.contents import content_of, file_checksum
from residua.data.pictures import Header, Picture, decode_picture, named, read_header


class Pictures(ABC):
    """Pictures in a fixed order, read one at a time; small enough to be sent to a worker process."""

    @abstractmethod
    def read(self, index: int, *, side: int | None = None) -> Picture:
        """Return picture `index`, its shorter side reduced to `side` if longer: uint8, H × W × 1 or 3."""

    @abstractmethod
    def header(self, index: int) -> Header:
        """Return what picture `index` says of itself, without decoding it."""

    @abstractmethod
    def sizes(self) -> list[int]:
        """Return the bytes of each file, or nothing where there are no files."""

    @abstractmethod
    def chosen(self, indices: list[int]) -> "Pictures":
        """Return only the pictures at `indices`, in that order."""

    def order(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Return an order of all `count` pictures drawn from `random`, one in which they can be read well."""
        return random.permutation(count)


@final
@dataclass(frozen=True, slots=True)
class FilePictures(Pictures):
    """Pictures in files; a file whose content is no longer what it was is refused.

    Attributes:
        root: the folder that the names start from.
        names: paths relative to `root`, or absolute ones.
        checksums: of each file as it was when all were read; empty before.
    """

    root: Path
    names: tuple[str, ...]
    checksums: tuple[int | None, ...] = field(default=(), repr=False)

    def read(self, index: int, *, side: int | None = None) -> Picture:
        name = self.names[index]
        with named(name):
            checksum = self.checksums[index] if self.checksums else None
            content = content_of(self.root / name, name=name, checksum=checksum)
        return decode_picture(content, name=name, side=side)[1]

    def header(self, index: int) -> Header:
        return read_header(self.root / self.names[index], name=self.names[index])

    def sizes(self) -> list[int]:
        return [_size(self.root / name) for name in self.names]

    def checksum(self, index: int) -> int | None:
        """Return the checksum of file `index` as it is now; None if it cannot be read."""
        return file_checksum(self.root / self.names[index])

    def chosen(self, indices: list[int]) -> "FilePictures":
        checksums = tuple(self.checksums[index] for index in indices) if self.checksums else ()
        return FilePictures(self.root, tuple(self.names[index] for index in indices), checksums)


@final
@dataclass(frozen=True, slots=True)
class ArrayPictures(Pictures):
    """Pictures of one size in memory: uint8, N × H × W × C."""

    pixels: UInt8[np.ndarray, "count height width channels"]

    def read(self, index: int, *, side: int | None = None) -> Picture:
        pixels: Picture = self.pixels[index]
        return pixels

    def header(self, index: int) -> Header:
        return Header.plain(*self.pixels.shape[1:], format="")

    def sizes(self) -> list[int]:
        return []

    def chosen(self, indices: list[int]) -> "ArrayPictures":
        return ArrayPictures(self.pixels[indices])


@final
@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One split of a source: `names[i]` is read by `read(i)` and belongs to `classes[labels[i]]`."""

    name: str
    classes: tuple[str, ...]
    names: Sequence[str]
    labels: Int64[np.ndarray, " count"]
    pictures: Pictures = field(repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int, *, side: int | None = None) -> Picture:
        """Return picture `index`: uint8, height × width × 1 or 3.

        Args:
            index: which picture, from 0.
            side: reduce the shorter side to this many pixels if it is longer; None reads every pixel.

        Raises:
            UnreadablePicture: the file cannot be read; the message names it and says why.
        """
        return self.pictures.read(index, side=side)

    def counts(self) -> dict[str, int]:
        """Return how many pictures each class has."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))

    def without(self, names: Collection[str]) -> "Split":
        """Return the split less the pictures called `names`, the rest in the same order."""
        dropped = frozenset(names)
        return self.chosen([index for index, name in enumerate(self.names) if name not in dropped])

    def chosen(self, indices: list[int]) -> "Split":
        """Return only the pictures at `indices`, in that order."""
        names = tuple(self.names[index] for index in indices)
        return Split(self.name, self.classes, names, self.labels[indices], self.pictures.chosen(indices))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
