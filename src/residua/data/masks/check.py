"""What is wrong with a set of pictures and masks: every file is read whole, and nothing is changed."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median_low
from typing import final

import numpy as np

from residua.data.doubles import equal_files
from residua.data.listing import WHOLE, amount
from residua.data.masks.encoding import MaskEncoding, said_of
from residua.data.masks.opening import SCENES, list_mask_data, open_masks
from residua.data.masks.rasters import full_scale
from residua.data.masks.source import MaskSource
from residua.data.masks.split import MaskSplit
from residua.data.refusals import UnreadablePicture
from residua.data.shards import is_sharded
from residua.data.source import BadFile
from residua.data.threads import in_threads
from residua.errors import BadData

Tell = Callable[[str, int, int], None]
_RARE = 0.001
"""A class with a smaller share of the training pixels is named."""
_MOSTLY = 0.5


@final
@dataclass(frozen=True, kw_only=True)
class Same:
    """Pictures with the same pixels: their names, their splits, and whether their masks are the same too.

    `equal` says that the files are equal too; only such are kept together where training divides the data.
    """

    names: tuple[str, ...]
    splits: tuple[str, ...]
    masks_agree: bool
    equal: bool

    @property
    def leaks(self) -> bool:
        """Whether they lie in different splits, so that a test holds what was trained on."""
        return len(set(self.splits)) > 1


@final
@dataclass(frozen=True, kw_only=True)
class MaskCheckReport:
    """What was found.

    Attributes:
        data: as the user named it.
        encoding: what the values of the masks mean; None where they were not understood.
        pictures: of each split, as training would have them.
        pixels: of each class in each split.
        having: pictures with each class in each split.
        void: pixels of no class in each split.
        divided: whether training divides the data.
        smallest, typical, largest: height and width of the pictures.
        kinds: how many pictures of each number of channels and bits.
        bad: files that cannot be used, each with its reason.
        same: pictures that are the same.
        all_void: masks without any class, which teach nothing.
        one_class: how many masks have one class only.
        problems: in sentences; these stop training, or make its scores a lie.
        notes: what was found and decided.
    """

    data: str
    encoding: MaskEncoding | None
    pictures: dict[str, int]
    pixels: dict[str, dict[str, int]]
    having: dict[str, dict[str, int]]
    void: dict[str, int]
    divided: bool
    smallest: tuple[int, int]
    typical: tuple[int, int]
    largest: tuple[int, int]
    kinds: dict[str, int]
    bad: tuple[BadFile, ...]
    same: tuple[Same, ...]
    all_void: tuple[str, ...]
    one_class: int
    problems: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def wrong_doubles(self) -> tuple[Same, ...]:
        """The pictures that are there more than once and harm a score: in two splits, or with unlike masks."""
        return tuple(one for one in self.same if one.leaks or not one.masks_agree)

    @property
    def ok(self) -> bool:
        """Whether it can be trained on, and its scores believed."""
        return not (self.bad or self.problems or self.all_void or self.wrong_doubles)


def check_masks(
    data: str | Path,
    *,
    classes: Sequence[str] | None = None,
    void: Sequence[int] | None = None,
    tell: Tell | None = None,
) -> MaskCheckReport:
    """Read every picture and mask, and say what is wrong with the set.

    Args:
        data: a folder of pictures and masks, a table, or "scenes".
        classes: names of the classes, or the path of a file of them.
        void: values of the masks that stand for no class.
        tell: told as it goes on what is being read, how much of it is, and of how much.

    >>> check_masks("scenes").ok
    True

    Raises:
        BadData: there is no such data.
    """
    known = str(data) == SCENES or is_sharded(data)
    divided = not known and _is_divided(list_mask_data(Path(data)).pairs)
    try:
        source = open_masks(data, classes=classes, void=void, tell=_of(tell, "reading masks"))
    except BadData as refusal:
        return _refused(str(data), refusal)
    looked, unread = _look(source, _of(tell, "reading pictures"))
    shapes = np.concatenate([split.shapes for split in source.splits.values()])
    by_area = sorted((tuple(shape) for shape in shapes.tolist()), key=lambda shape: shape[0] * shape[1])
    all_void, one_class = _without_class(source)
    return MaskCheckReport(
        data=str(data),
        encoding=source.encoding,
        pictures={name: len(split) for name, split in source.splits.items()},
        pixels={name: split.pixels() for name, split in source.splits.items()},
        having={name: split.pictures_with() for name, split in source.splits.items()},
        void={name: split.void_pixels() for name, split in source.splits.items()},
        divided=divided,
        smallest=by_area[0],
        typical=(median_low(shapes[:, 0].tolist()), median_low(shapes[:, 1].tolist())),
        largest=by_area[-1],
        kinds=dict(Counter(one.kind for one in looked).most_common()),
        bad=(*source.bad, *unread),
        same=tuple(_same(looked, None if is_sharded(data) else source.root)),
        all_void=all_void,
        one_class=one_class,
        problems=tuple(_never_trained(source)),
        notes=(*source.notes, *_worth_knowing(source)),
    )


@final
@dataclass(frozen=True, kw_only=True)
class _Looked:
    """One pair, read whole: hashes of its picture and of its mask, and what kind of picture it is."""

    name: str
    split: str
    picture: str
    mask: str
    kind: str


def _of(tell: Tell | None, what: str) -> Callable[[int, int], None] | None:
    return None if tell is None else partial(tell, what)


def _is_divided(pairs: Iterable[str]) -> bool:
    return WHOLE in pairs or "val" not in pairs


def _look(source: MaskSource, tell: Callable[[int, int], None] | None) -> tuple[list[_Looked], list[BadFile]]:
    """Read every pair of every split, several at a time."""
    places = [(split, index) for split in source.splits.values() for index in range(len(split))]

    def look(place: int) -> _Looked | BadFile:
        split, index = places[place]
        try:
            picture, mask = split.read(index)
        except UnreadablePicture as refusal:
            return BadFile(refusal.name, refusal.reason)
        bits = {255.0: "8 bits", 65_535.0: "16 bits"}.get(full_scale(picture), "floats")
        return _Looked(
            name=split.names[index],
            split=split.name,
            picture=_hash(picture),
            mask=_hash(mask),
            kind=f"{amount(picture.shape[2], 'channel')} of {bits}",
        )

    def done(count: int) -> None:
        if tell is not None:
            tell(count, len(places))

    found = in_threads(look, len(places), done=done)
    return [one for one in found if isinstance(one, _Looked)], [
        one for one in found if isinstance(one, BadFile)
    ]


def _hash(pixels: np.ndarray) -> str:
    digest = hashlib.sha256(repr((pixels.shape, pixels.dtype.str)).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _same(looked: Sequence[_Looked], root: Path | None) -> Iterator[Same]:
    """Give the groups of pictures whose pixels are the same, bit for bit; without a root they are no files."""
    groups: dict[str, list[_Looked]] = defaultdict(list)
    for one in looked:
        groups[one.picture].append(one)
    repeated = [group for group in groups.values() if len(group) > 1]
    names = [one.name for group in repeated for one in group]
    group_of = {
        names[place]: number
        for number, found in enumerate(equal_files(root, names) if root is not None else [])
        for place in found
    }
    for group in repeated:
        yield Same(
            names=tuple(one.name for one in group),
            splits=tuple(one.split for one in group),
            masks_agree=len({one.mask for one in group}) == 1,
            equal=len({group_of.get(one.name, one.name) for one in group}) == 1,
        )


def _without_class(source: MaskSource) -> tuple[tuple[str, ...], int]:
    """Return the masks that are all void, and how many have one class only."""
    all_void: list[str] = []
    one_class = 0
    for split in source.splits.values():
        present = (split.counts > 0).sum(axis=1)
        all_void += [split.names[index] for index in np.flatnonzero(present == 0).tolist()]
        one_class += int((present == 1).sum())
    return tuple(all_void), one_class


def _never_trained(source: MaskSource) -> Iterator[str]:
    """Say which classes are scored and never learned."""
    train = source.splits["train"].pictures_with()
    for name, split in source.splits.items():
        for label, pictures in split.pictures_with().items():
            if pictures and not train[label]:
                yield (
                    f"class '{label}' is in {amount(pictures, 'picture')} of {name} and in none of train, so it "
                    "cannot be learned and its score is 0; add training pictures of it, or make it void"
                )


def _worth_knowing(source: MaskSource) -> Iterator[str]:
    """Say what is unusual without being wrong."""
    train: MaskSplit = source.splits["train"]
    total = int(train.counts.sum())
    rare = [label for label, pixels in train.pixels().items() if 0 < pixels < _RARE * total]
    if rare:
        yield f"below {_RARE:.1%} of the training pixels: {', '.join(rare)}; crops and class weights prefer them"
    void = sum(split.void_pixels() for split in source.splits.values())
    pixels = sum(int(split.shapes.prod(axis=1).sum()) for split in source.splits.values())
    if void > _MOSTLY * pixels:
        yield f"{void / pixels:.0%} of all pixels are void: {_voids(source.encoding)}"


def _voids(encoding: MaskEncoding) -> str:
    return ", ".join(said_of(value, encoding.kind) for value in encoding.void[:6])


def _refused(data: str, refusal: BadData) -> MaskCheckReport:
    """Return the report of data that training would refuse."""
    nothing = (0, 0)
    return MaskCheckReport(
        data=data,
        encoding=None,
        pictures={},
        pixels={},
        having={},
        void={},
        divided=False,
        smallest=nothing,
        typical=nothing,
        largest=nothing,
        kinds={},
        bad=(),
        same=(),
        all_void=(),
        one_class=0,
        problems=(str(refusal),),
    )
