"""The pictures and masks of one split, wherever they are kept."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Int64, UInt8

from residua.data.contents import content_of, file_checksum
from residua.data.masks.encoding import ClassMap, MaskEncoding
from residua.data.masks.pairing import Pair
from residua.data.masks.rasters import Raster, read_raster
from residua.data.masks.resize import reduced, with_channels_of
from residua.data.masks.scan import numbered
from residua.data.masks.stored import Stored, read_layers, read_mask_file, size_of
from residua.data.pictures import named
from residua.data.refusals import UnreadablePicture


class Masked(NamedTuple):
    """A picture, perhaps reduced, and the class of each pixel of it at its original size."""

    picture: Raster
    mask: ClassMap


class Pairs(ABC):
    """Pictures with masks in a fixed order, read one at a time; small enough to be sent to a worker process."""

    @abstractmethod
    def read(self, index: int, *, scale: float = 1.0) -> Masked:
        """Return pair `index`, its picture reduced to `scale` of its height and width, its mask never."""

    @abstractmethod
    def named(self) -> tuple[Pair, ...]:
        """Return the names of the files of each pair, or nothing where there are no files."""

    @abstractmethod
    def sizes(self) -> list[tuple[int, ...]]:
        """Return for each pair the bytes of its files, or nothing where there are no files."""

    @abstractmethod
    def chosen(self, indices: list[int]) -> "Pairs":
        """Return only the pairs at `indices`, in that order."""

    def order(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Return an order of all `count` pairs drawn from `random`, one in which they can be read well."""
        return random.permutation(count)


def fitting(picture: Raster, mask: ClassMap, pair: Pair, scale: float) -> Masked:
    """Return a picture, reduced, with its mask.

    Raises:
        UnreadablePicture: they are of unlike sizes.
    """
    if mask.shape != picture.shape[:2]:
        raise UnreadablePicture(
            pair.masks[0],
            f"the mask is {size_of(mask)} and its picture {pair.image} is {size_of(picture)}",
        )
    return Masked(reduced(picture, scale), mask)


def decoded_mask(encoding: MaskEncoding, stored: Stored, name: str) -> ClassMap:
    """Return the class of each pixel of a mask.

    Raises:
        UnreadablePicture: it has a value that stands for no class.
    """
    try:
        return encoding.decode(stored)
    except UnreadablePicture as refusal:
        raise UnreadablePicture(name, refusal.reason) from refusal


@final
@dataclass(frozen=True, slots=True)
class FilePairs(Pairs):
    """Pairs in files; a file whose content is no longer what it was is refused.

    Attributes:
        root: the folder that names start from which are not absolute.
        pairs: the names.
        encoding: of the masks.
        channels: of every picture.
        checksums: of the files of each pair as they were when all were read; empty before.
    """

    root: Path
    pairs: tuple[Pair, ...]
    encoding: MaskEncoding
    channels: int
    checksums: tuple[tuple[int | None, ...], ...] = field(default=(), repr=False)

    def read(self, index: int, *, scale: float = 1.0) -> Masked:
        self.refuse_changed(index)
        pair = self.pairs[index]
        picture = with_channels_of(
            read_raster(self.root / pair.image, name=pair.image), self.channels, pair.image
        )
        return fitting(picture, self.mask(index), pair, scale)

    def refuse_changed(self, index: int) -> None:
        """Read the files of pair `index` and raise `UnreadablePicture` if one is not what it was.

        They are read once more to be decoded; by then the system holds them in memory.
        """
        if not self.checksums:
            return
        for name, checksum in zip(self.files(index), self.checksums[index], strict=True):
            with named(name):
                content_of(self.root / name, name=name, checksum=checksum)

    def files(self, index: int) -> tuple[str, ...]:
        """Return the names of the picture and of the masks of pair `index`."""
        return (self.pairs[index].image, *self.pairs[index].masks)

    def checksum(self, index: int) -> tuple[int | None, ...]:
        """Return the checksums of the files of pair `index` as they are now; None for one that cannot be read."""
        return tuple(file_checksum(self.root / name) for name in self.files(index))

    def mask(self, index: int) -> ClassMap:
        """Return the class of each pixel of pair `index`."""
        return decoded_mask(self.encoding, self.stored(index), self.pairs[index].masks[0])

    def stored(self, index: int) -> Stored:
        """Return the mask of pair `index` as it is stored; where each class has a file, the numbers of their layers."""
        pair = self.pairs[index]
        beside = _size(self.root / pair.image)
        if pair.labels:
            files = numbered(self.root, pair, self.encoding.layers)
            return read_layers(files, name=pair.image, beside=beside)[0]
        return read_mask_file(self.root / pair.masks[0], name=pair.masks[0], beside=beside).stored

    def named(self) -> tuple[Pair, ...]:
        return self.pairs

    def sizes(self) -> list[tuple[int, ...]]:
        every = range(len(self.pairs))
        return [tuple(_size(self.root / name) for name in self.files(index)) for index in every]

    def chosen(self, indices: list[int]) -> "FilePairs":
        pairs = tuple(self.pairs[index] for index in indices)
        checksums = tuple(self.checksums[index] for index in indices) if self.checksums else ()
        return FilePairs(self.root, pairs, self.encoding, self.channels, checksums)


@final
@dataclass(frozen=True, slots=True)
class ArrayPairs(Pairs):
    """Pairs of one size in memory."""

    pictures: UInt8[np.ndarray, "count height width channels"]
    masks: UInt8[np.ndarray, "count height width"]

    def read(self, index: int, *, scale: float = 1.0) -> Masked:
        return Masked(reduced(self.pictures[index], scale), self.masks[index])

    def named(self) -> tuple[Pair, ...]:
        return ()

    def sizes(self) -> list[tuple[int, ...]]:
        return []

    def chosen(self, indices: list[int]) -> "ArrayPairs":
        return ArrayPairs(self.pictures[indices], self.masks[indices])


@final
@dataclass(frozen=True, slots=True, eq=False)
class MaskSplit:
    """One split of a source of pictures with masks.

    Attributes:
        name: of the split.
        classes: a value of a class map is a position here, or `VOID`.
        names: of the pictures.
        counts: pixels of each class in each picture; void ones are in none.
        shapes: height and width of each picture as it is stored.
        pairs: the pictures and masks.
    """

    name: str
    classes: tuple[str, ...]
    names: Sequence[str]
    counts: Int64[np.ndarray, "pictures classes"] = field(repr=False)
    shapes: Int64[np.ndarray, "pictures 2"] = field(repr=False)
    pairs: Pairs = field(repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int, *, scale: float = 1.0) -> Masked:
        """Return picture `index`, reduced to `scale` of its height and width, and its mask at the original size.

        Raises:
            UnreadablePicture: a file cannot be read, or its mask does not fit; the message names it and says why.
        """
        return self.pairs.read(index, scale=scale)

    def pixels(self) -> dict[str, int]:
        """Return how many pixels each class has; void ones are left out."""
        return dict(zip(self.classes, self.counts.sum(axis=0).tolist(), strict=True))

    def void_pixels(self) -> int:
        """Return how many pixels have no class."""
        return int(self.shapes.prod(axis=1).sum() - self.counts.sum())

    def pictures_with(self) -> dict[str, int]:
        """Return in how many pictures each class is."""
        return dict(zip(self.classes, (self.counts > 0).sum(axis=0).tolist(), strict=True))

    @property
    def one_size(self) -> bool:
        """Whether all pictures have the same height and width."""
        return len({tuple(shape) for shape in self.shapes.tolist()}) <= 1

    def without(self, names: Collection[str]) -> "MaskSplit":
        """Return the split less the pictures called `names`, the rest in the same order."""
        dropped = frozenset(names)
        return self.chosen([index for index, name in enumerate(self.names) if name not in dropped])

    def chosen(self, indices: list[int]) -> "MaskSplit":
        """Return only the pictures at `indices`, in that order."""
        return MaskSplit(
            self.name,
            self.classes,
            tuple(self.names[index] for index in indices),
            self.counts[indices],
            self.shapes[indices],
            self.pairs.chosen(indices),
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
