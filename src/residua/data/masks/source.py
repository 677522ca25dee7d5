"""Pictures with masks, divided into splits."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

from residua.data.listing import amount, bulleted
from residua.data.masks.encoding import MaskEncoding
from residua.data.masks.split import MaskSplit
from residua.data.source import BadFile
from residua.errors import BadData


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskSource:
    """Pictures with masks, divided into splits.

    Attributes:
        name: what it is called in a run: `scenes`, or the name of the folder or the table.
        root: the folder that the names of the pictures start from.
        classes: the class names; a value of a class map is a position in them, or `VOID`.
        encoding: how the classes stand in the mask files.
        channels: of every picture, once it is read.
        mirrored: whether a picture may be flipped left to right and still be right.
        splits: `train` and `val`, and `test` where it exists.
        notes: what was found and decided for the user, in sentences.
        typical_size: the median height and width of the training pictures.
        seed: what the division was drawn from.
        bad: pairs that cannot be used: no partner, or not readable, or of unlike sizes.
        left_out: names of pictures that are not in the splits, because they could not be read.
    """

    name: str
    root: Path
    classes: tuple[str, ...]
    encoding: MaskEncoding
    channels: int
    mirrored: bool
    splits: dict[str, MaskSplit]
    notes: tuple[str, ...]
    typical_size: tuple[int, int]
    seed: int = 0
    bad: tuple[BadFile, ...] = field(default=(), repr=False)
    left_out: tuple[str, ...] = field(default=(), repr=False)

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that differ when a class, a name, a count of pixels or a split does."""
        digest = hashlib.sha256("\0".join(self.classes).encode())
        digest.update(repr((self.encoding.values, self.encoding.void)).encode())
        for split in self.splits.values():
            digest.update(f"\1{split.name}\1".encode())
            digest.update("\0".join(split.names).encode("utf-8", "surrogateescape"))
            digest.update(split.counts.tobytes())
        return digest.hexdigest()[:16]

    def without(self, bad: Iterable[BadFile]) -> "MaskSource":
        """Return the source less the pairs in `bad`, and say so in its notes.

        Raises:
            BadData: a split has no picture left.
        """
        bad = tuple(bad)
        if not bad:
            return self
        names = {file.name for file in bad}
        splits = {name: split.without(names) for name, split in self.splits.items()}
        for name, split in splits.items():
            if not len(split):
                raise BadData(f"no picture with a mask in {name} can be read; the first: {': '.join(bad[0])}")
        note = f"{amount(len(names), 'file')} left out that cannot be used"
        rest = tuple(file for file in self.bad if file.name not in names)
        left_out = (*self.left_out, *sorted(names))
        return replace(self, splits=splits, notes=(*self.notes, note), bad=rest, left_out=left_out)


def unusable(data: str | Path, bad: Sequence[BadFile]) -> BadData:
    """Return the error that names the pictures and masks of `data` that cannot be used."""
    named = bulleted(f"{name}: {reason}" for name, reason in bad)
    return BadData(
        f"{amount(len(bad), 'file')} in {data} cannot be used:\n{named}\n"
        "Repair or remove them, or leave them out with --skip-bad"
    )
