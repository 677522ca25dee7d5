"""Pictures with masks that were looked at and of which nothing is decided yet, wherever they lie."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from residua.data.doubles import Group
from residua.data.masks.encoding import MaskEncoding
from residua.data.masks.naming import ClassNames
from residua.data.masks.scan import Looked
from residua.data.masks.split import Pairs
from residua.data.source import BadFile


def _none_equal(names: Sequence[str]) -> list[Group]:
    return []


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PairSet:
    """Pairs by split (`all` where they are not divided), and how they are read once it is known what masks mean.

    Attributes:
        name: what it is called in a run.
        root: the folder that the names start from.
        looked: the pairs, those of each split in the order in which they are read.
        pairs: reads some of them with an encoding and a number of channels.
        names: of the classes, where they lie beside the data.
        encoding: of the masks, where it was settled before.
        pattern: of the names of the mask files.
        layers: the classes that have files of their own.
        equal: gives the positions of those with equal files, a group each.
        unpaired: files without a partner.
        bad: pairs that cannot be used.
        notes: what was found, in sentences.
    """

    name: str
    root: Path
    looked: dict[str, list[Looked]]
    pairs: Callable[[Sequence[Looked], MaskEncoding, int], Pairs]
    names: ClassNames | None = None
    encoding: MaskEncoding | None = None
    pattern: str
    layers: tuple[str, ...] = ()
    equal: Callable[[Sequence[str]], list[Group]] = _none_equal
    unpaired: tuple[BadFile, ...] = ()
    bad: tuple[BadFile, ...] = field(default=())
    notes: tuple[str, ...] = ()
