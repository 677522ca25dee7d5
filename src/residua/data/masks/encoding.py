"""How the classes of pixels stand in mask files, and back: one object, saved with the model."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from residua.data.masks.stored import Kind, Stored, unpacked
from residua.data.refusals import UnreadablePicture
from residua.errors import BadInput
from residua.types import VOID

MOST_CLASSES: Final = VOID
"""Classes are 0 to 254."""

ClassMap = UInt8[np.ndarray, "_ _"]
"""Height × width: the class of each pixel, or `VOID`."""

_UNKNOWN = 256
_PIECE = 2**20
"""Pixels whose classes are looked up at a time."""
_COLOURS: Final = (
    *(0x222222, 0xE6194B, 0x3CB44B, 0x4363D8, 0xFFE119, 0xF58231, 0x911EB4, 0x42D4F4, 0xF032E6, 0xBFEF45),
    *(0xFABED4, 0x469990, 0xDCBEFF, 0x9A6324, 0xFFFAC8, 0x800000, 0xAAFFC3, 0x808000, 0xFFD8B1, 0x000075),
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MaskEncoding:
    """Which number or colour of a mask file stands for which class; msgspec writes it as JSON.

    Attributes:
        kind: "values", "palette", "colours" (each as 0xRRGGBB), or "files" where every class has a file of its own.
        classes: their names; a class is a position here.
        values: of each class in the files; of "files" the number of its layer, from 1, and 0 for what is in none.
        void: values that stand for no class.
        mode: of the files, as Pillow calls it.
        palette: red, green and blue of each value, one after another.
        soft: numbers between two values go to the nearer one, as the edges of a smoothed mask need it.
        pattern: of the name of a file, such as "{name}_mask.png" or "{name}/{label}.png".
        layers: what the files of the classes are called, in the order of their numbers.

    >>> encoding = MaskEncoding(kind="values", classes=("cell", "ground"), values=(255, 0))
    >>> encoding.decode(np.array([[0, 255]], np.uint8)).tolist()
    [[1, 0]]
    """

    kind: Kind
    classes: tuple[str, ...]
    values: tuple[int, ...]
    void: tuple[int, ...] = ()
    mode: str = "L"
    palette: tuple[int, ...] = ()
    soft: bool = False
    pattern: str = "{name}.png"
    layers: tuple[str, ...] = ()

    def decode(self, stored: Stored) -> ClassMap:
        """Return the class of each pixel of a mask as it is stored.

        Raises:
            UnreadablePicture: a value that stands for no class and is not void.
        """
        classes_of: ClassMap = np.empty(stored.shape, np.uint8)
        odd: list[np.ndarray] = []
        pieces = 1 + stored.size // _PIECE  # a search makes dozens of bytes of each number
        for rows, made in zip(
            np.array_split(stored, pieces), np.array_split(classes_of, pieces), strict=True
        ):
            found = self._found(rows)
            if (unknown := found == _UNKNOWN).any():
                odd.append(rows[unknown])
            made[:] = found.astype(np.uint8)
        if odd:
            raise UnreadablePicture(
                "",
                f"{sum(map(len, odd)):,} of its pixels have {self.said(int(odd[0][0]))}, which stands for no class; "
                "name it as void, or the class that it is",
            )
        return classes_of

    def _found(self, stored: Stored) -> np.ndarray:
        """Return the class of each pixel, or `_UNKNOWN`."""
        if stored.dtype == np.uint8:
            found: np.ndarray = _table_of(self)[stored]
            return found
        keys, classes = _pairs_of(self)
        places = np.searchsorted(keys, stored).clip(max=len(keys) - 1)
        if not self.soft:
            return np.where(keys[places] == stored, classes[places], _UNKNOWN)
        before = (places - 1).clip(min=0)
        nearer = stored.astype(np.int64) - keys[before] < keys[places] - stored.astype(np.int64)
        nearest: np.ndarray = classes[np.where(nearer, before, places)]
        return nearest

    def encode(self, classes: ClassMap) -> Image.Image:
        """Return the mask file of a class map, as an image to be saved; see `save` for a file of each class.

        Void pixels get the first void value, or 0 where there is none.

        Raises:
            BadInput: every class has a file of its own.
        """
        if self.kind == "files":
            raise BadInput("these masks have a file for each class; `save` writes them")
        return self._image(self._numbers(classes))

    def save(self, classes: ClassMap, folder: Path, name: str) -> list[Path]:
        """Write a class map below `folder` in the files that masks of this kind have; return their paths.

        Args:
            classes: the class map.
            folder: is made if it is not there.
            name: of the picture, without its suffix.
        """
        if self.kind == "files":
            numbers = self._numbers(classes)
            parts = [
                (
                    self.pattern.format(name=name, label=label),
                    Image.fromarray((numbers == number) * np.uint8(255)),
                )
                for number, label in enumerate(self.layers, start=1)
            ]
        else:
            parts = [(self.pattern.format(name=name), self.encode(classes))]
        paths = [folder / written for written, _ in parts]
        for path, (_, image) in zip(paths, parts, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
        return paths

    def colours(self) -> tuple[tuple[int, int, int], ...]:
        """Return a colour to show each class in: its own where the masks have colours."""
        if self.kind == "colours":
            return tuple(unpacked(value) for value in self.values)
        if self.kind == "palette" and len(self.palette) >= 3 * (max(self.values) + 1):
            triples = [self.palette[3 * value : 3 * value + 3] for value in self.values]
            return tuple((red, green, blue) for red, green, blue in triples)
        return tuple(unpacked(_COLOURS[index % len(_COLOURS)]) for index in range(len(self.classes)))

    def said(self, value: int) -> str:
        """Return how a person calls a stored value."""
        return f"the {said_of(value, self.kind)}"

    def meaning(self, *, most: int = 24) -> str:
        """Return what the values mean, in one sentence that names at most `most` classes.

        >>> MaskEncoding(kind="values", classes=("ground", "cell"), values=(0, 255), void=(9,)).meaning()
        'in the masks 0 is ground, 255 is cell; void is 9'
        """
        pairs = zip(self.values, self.classes, strict=True)
        parts = [f"{self._stored(value)} is {name}" for value, name in pairs][:most]
        if len(self.classes) > most:
            parts.append(f"and {len(self.classes) - most} more")
        void = ", ".join(self._stored(value) for value in self.void[:8])
        more = ", ..." if len(self.void) > 8 else ""
        return f"in the masks {', '.join(parts)}" + (f"; void is {void}{more}" if void else "")

    def _stored(self, value: int) -> str:
        """Return how a person writes a stored value."""
        if self.kind == "files":
            return f"the file {self.layers[value - 1]}" if value else "what is in no file"
        return f"#{value:06x}" if self.kind == "colours" else str(value)

    def _numbers(self, classes: ClassMap) -> np.ndarray:
        kind = np.uint8 if max(self.values, default=0) < 256 and max(self.void, default=0) < 256 else np.int32
        table = np.full(
            VOID + 1, self.void[0] if self.void else 0, kind
        )  # as narrow as can be: masks are large
        table[: len(self.values)] = self.values
        numbers: np.ndarray = table[classes]
        return numbers

    def _image(self, numbers: np.ndarray) -> Image.Image:
        match self.mode:
            case "RGB":
                colours = np.empty((*numbers.shape, 3), np.uint8)
                for place, shift in enumerate((16, 8, 0)):
                    colours[:, :, place] = (numbers >> shift) & 255
                return Image.fromarray(colours)
            case "P":
                image = Image.fromarray(numbers.astype(np.uint8))
                image.putpalette(list(self.palette))  # which makes a palette image of it
                return image
            case "I;16":
                return Image.fromarray(numbers.astype(np.uint16))
            case "I":
                return Image.fromarray(numbers.astype(np.int32))
            case "1":
                return Image.fromarray(numbers.astype(bool))
            case _:
                return Image.fromarray(numbers.astype(np.uint8, copy=False))


def said_of(value: int, kind: Kind) -> str:
    """Return a stored value as a person calls it.

    >>> said_of(3, "values"), said_of(0xFF0010, "colours")
    ('value 3', 'colour #ff0010')
    """
    return f"colour #{value:06x}" if kind == "colours" else f"value {value}"


def _all_of(encoding: MaskEncoding) -> Iterator[tuple[int, int]]:
    """Give every known value with its class, in the order of the values."""
    known = dict.fromkeys(encoding.void, VOID) | {value: index for index, value in enumerate(encoding.values)}
    yield from sorted(known.items())


@lru_cache(maxsize=16)
def _pairs_of(encoding: MaskEncoding) -> tuple[np.ndarray, np.ndarray]:
    """Return the known values in ascending order, and the class of each."""
    pairs = np.array(list(_all_of(encoding)), np.int64)
    return pairs[:, 0], pairs[:, 1].astype(np.uint16)


@lru_cache(maxsize=16)
def _table_of(encoding: MaskEncoding) -> np.ndarray:
    """Return the class of every value that 8 bits hold, for `decode` to look up."""
    keys, classes = _pairs_of(encoding)
    table = np.full(256, _UNKNOWN, np.uint16)
    inside = (keys >= 0) & (keys < 256)
    if encoding.soft:
        table[:] = classes[np.abs(np.arange(256)[:, None] - keys).argmin(axis=1)]
    table[keys[inside]] = classes[inside]
    return table
