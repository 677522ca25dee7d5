"""Every mask read once before anything is decided: which values it has, how often, and whether it fits its picture."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from residua.data.masks.pairing import Pair
from residua.data.masks.rasters import RasterHeader, read_raster_header
from residua.data.masks.stored import Kind, MaskFile, Stored, read_layers, read_mask_file, size_of
from residua.data.refusals import UnreadablePicture
from residua.data.source import BadFile
from residua.data.threads import in_threads

_ROWS = 2**22
"""Numbers that are counted at a time."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One pair as it was found.

    Attributes:
        pair: its names.
        header: of the picture.
        kind: of the mask.
        mode: of the mask, as Pillow calls it.
        palette: of the mask.
        lossy: whether the format of the mask changes its values.
        values: how many pixels have each.
        doubled: pixels that the files of two classes cover.
    """

    pair: Pair
    header: RasterHeader
    kind: Kind
    mode: str
    palette: tuple[int, ...] = ()
    lossy: bool = False
    values: dict[int, int]
    doubled: int = 0


def scan(
    root: Path, pairs: Sequence[Pair], *, tell: Callable[[int, int], None] | None = None
) -> tuple[list[Looked], list[BadFile]]:
    """Read the header of every picture and the whole of every mask; return what was found, and what is bad.

    Args:
        root: that the names start from.
        pairs: the pictures and masks.
        tell: told as it goes on how many are read, and of how many.
    """
    layers = layers_of(pairs)

    def look(index: int) -> Looked | BadFile:
        try:
            return look_at(root, pairs[index], layers)
        except UnreadablePicture as refusal:
            return BadFile(refusal.name, refusal.reason)

    def done(count: int) -> None:
        if tell is not None:
            tell(count, len(pairs))

    found = in_threads(look, len(pairs), done=done)
    return [one for one in found if isinstance(one, Looked)], [
        one for one in found if isinstance(one, BadFile)
    ]


def look_at(root: Path, pair: Pair, layers: Sequence[str]) -> Looked:
    """Look at one pair.

    Raises:
        UnreadablePicture: a file cannot be read, or the mask is not of the size of its picture.
    """
    header = read_raster_header(root / pair.image, name=pair.image)
    beside = (root / pair.image).stat().st_size
    if pair.labels:
        stored, doubled = read_layers(numbered(root, pair, layers), name=pair.image, beside=beside)
        return looked_at(pair, header, MaskFile(stored, "files", "L"), doubled)
    return looked_at(pair, header, read_mask_file(root / pair.masks[0], name=pair.masks[0], beside=beside))


def looked_at(pair: Pair, header: RasterHeader, mask: MaskFile, doubled: int = 0) -> Looked:
    """Return a picture and its mask as they were found.

    Args:
        pair: their names.
        header: of the picture.
        mask: as it is stored.
        doubled: pixels that the files of two classes cover.

    Raises:
        UnreadablePicture: the mask is not of the size of its picture.
    """
    stored = mask.stored
    if stored.shape != (header.height, header.width):
        raise UnreadablePicture(pair.masks[0], _unlike(stored, pair, header))
    return Looked(
        pair=pair,
        header=header,
        kind=mask.kind,
        mode=mask.mode,
        palette=mask.palette,
        lossy=mask.lossy,
        values=counted(stored),
        doubled=doubled,
    )


def layers_of(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Return the classes that have files of their own, sorted."""
    return tuple(sorted({label for pair in pairs for label in pair.labels}))


def numbered(root: Path, pair: Pair, layers: Sequence[str]) -> list[tuple[Path, int]]:
    """Return the files of the classes of one picture, each with the number of its layer, from 1."""
    files = (
        (root / mask, layers.index(label) + 1) for mask, label in zip(pair.masks, pair.labels, strict=True)
    )
    return sorted(files, key=lambda file: file[1])


def counted(stored: Stored) -> dict[int, int]:
    """Return how many pixels have each value.

    >>> counted(np.array([[0, 7, 7]], np.uint8))
    {0: 1, 7: 2}
    """
    total: Counter[int] = Counter()
    for rows in np.array_split(
        stored, 1 + stored.size // _ROWS
    ):  # either would make 8 bytes or more of each number
        if stored.dtype in (np.uint8, np.uint16):
            counts = np.bincount(rows.ravel(), minlength=1)
            values = np.flatnonzero(counts)
            counts = counts[values]
        else:
            values, counts = np.unique(rows, return_counts=True)
        total.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    return dict(sorted(total.items()))


def summed(looked: Sequence[Looked]) -> Counter[int]:
    """Return how many pixels of all masks have each value."""
    total: Counter[int] = Counter()
    for one in looked:
        total.update(one.values)
    return total


def _unlike(stored: Stored, pair: Pair, header: RasterHeader) -> str:
    size = f"{header.height} × {header.width}"
    why = ""
    if header.rotated and stored.shape == (header.width, header.height):
        why = "; the picture is turned by its EXIF tag, and the mask is not: save the picture as it is shown"
    return f"the mask is {size_of(stored)} and its picture {pair.image} is {size}{why}"
