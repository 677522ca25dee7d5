"""Where in a folder the pictures lie and where their masks: the layouts that people have."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple, final

from residua.data.listing import WHOLE, amount
from residua.data.masks.pairing import Pair, is_mask_name, name_without_mask, paired
from residua.data.source import BadFile
from residua.data.walking import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    Ignored,
    look,
    said_of_ignored,
    split_of,
    walk,
)
from residua.errors import BadData

MASK_LAYOUTS = """Put the pictures and the masks into two folders beside each other and give the folder above,
    data/images/1.jpg   data/masks/1.png
or divide them first,
    data/train/images/1.jpg   data/train/masks/1.png   data/val/images/2.jpg   data/val/masks/2.png
or give a table with a column of images and a column of masks (.csv, .tsv, .parquet)"""
_LOOKED_AT = 400


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PairListing:
    """What was found: pairs by split (`all` where the data are not divided), names relative to `root`."""

    root: Path
    pairs: dict[str, list[Pair]]
    pattern: str
    unpaired: tuple[BadFile, ...] = ()
    notes: tuple[str, ...] = ()
    tops: tuple[Path, ...] = field(default=())


class _Folders(NamedTuple):
    """The folder of the pictures of a split and that of their masks; the same where both lie in one."""

    images: Path
    masks: Path


def holds_masks(root: Path) -> bool:
    """Return whether a folder holds pictures and masks rather than class folders."""
    return bool(_splits_of(root)) or _unclear(root) is not None or _is_mixed(root)


def list_pairs(root: Path) -> PairListing:
    """Return the pairs of pictures and masks in a folder, by split.

    Raises:
        BadData: it has none of the layouts that are read, or not one mask belongs to a picture.
    """
    ignored: Ignored = Counter()
    splits = _splits_of(root)
    if not splits and (unclear := _unclear(root)):
        raise BadData(unclear)
    if not splits and _is_mixed(root):
        splits = {WHOLE: _Folders(root, root)}
    if not splits:
        raise BadData(f"{root} holds no pictures with masks. {MASK_LAYOUTS}")
    pairs: dict[str, list[Pair]] = {}
    unpaired: list[BadFile] = []
    notes: list[str] = []
    patterns: Counter[str] = Counter()
    for split, (images, masks) in splits.items():
        pictures = list(walk(images, ignored))
        files = pictures if masks == images else list(walk(masks, ignored))
        if masks == images:
            files = [path for path in pictures if is_mask_name(path.stem)]
            pictures = [path for path in pictures if not is_mask_name(path.stem)]
        found = paired(_named(root, images, pictures), _named(root, masks, files))
        if not found.pairs:
            raise _not_one(root, _Folders(images, masks), pictures, files, ignored)
        pairs[split] = found.pairs
        unpaired += found.unpaired
        patterns[found.pattern] += len(found.pairs)
        if masks != images:
            notes.append(
                f"{_where(root, images)} and {_where(root, masks)}: {amount(len(found.pairs), 'pair')}"
            )
    if WHOLE not in pairs and "train" not in pairs:
        raise BadData(f"{root} holds {', '.join(pairs)} but no train. {MASK_LAYOUTS}")
    return PairListing(
        root=root,
        pairs=pairs,
        pattern=patterns.most_common(1)[0][0],
        unpaired=tuple(unpaired),
        notes=(*notes, *_left_aside(root, splits), *said_of_ignored(ignored)),
        tops=tuple(_tops(root, splits)),
    )


def _named(root: Path, folder: Path, paths: list[Path]) -> list[tuple[str, str]]:
    return [(path.relative_to(root).as_posix(), path.relative_to(folder).as_posix()) for path in paths]


def _where(root: Path, folder: Path) -> str:
    return f"{folder.relative_to(root).as_posix()}/"


def _not_one(
    root: Path, folders: _Folders, pictures: list[Path], files: list[Path], ignored: Ignored
) -> BadData:
    """Say that no name fits another, showing one of each, or that there is nothing to fit."""
    for folder, found, kind in ((folders.images, pictures, "picture"), (folders.masks, files, "mask")):
        if not found:
            beside = "".join(f" ({sentence})" for sentence in said_of_ignored(ignored))
            return BadData(f"{folder} holds no {kind}{beside}. {MASK_LAYOUTS}")
    stem = pictures[0].stem.removesuffix(".ome")
    return BadData(
        f"not one mask in {_where(root, folders.masks)} belongs to a picture in {_where(root, folders.images)} by its "
        f"name: a picture is called {pictures[0].name}, a mask {files[0].name}. Give both the same name, or the mask "
        f"the name of the picture and _mask ({stem}_mask.png), or give a table with a column of each"
    )


def _left_aside(root: Path, splits: dict[str, _Folders]) -> Iterator[str]:
    """Say which folders are splits by their names and have no masks."""
    for top in {folders.images.parent.parent for folders in splits.values()}:
        if top.is_relative_to(root):
            yield from (
                f"{_where(root, folder)} has no masks beside its pictures and is not read"
                for folder, split in _named_splits(top)
                if split not in splits and WHOLE not in splits
            )


def _splits_of(root: Path) -> dict[str, _Folders]:
    """Return the folders of each split in the order train, val, test; nothing where the layout is another."""
    for top in _descended(root):
        for layout in (_two_folders, _splits_above, _splits_below, _folders_beside):
            if found := layout(top):
                return {split: found[split] for split in ("train", "val", "test", WHOLE) if split in found}
    return {}


def _descended(root: Path) -> Iterator[Path]:
    """Give the folder, and those below it as long as each is alone in its folder."""
    top = root
    for _ in range(8):
        yield top
        folders = look(top, Counter()).folders
        if len(folders) != 1:
            return
        top = folders[0]


def _two_folders(top: Path) -> dict[str, _Folders]:
    """Find `images/` and `masks/`, unless they are divided inside."""
    pair = _pair_in(top)
    if pair is None or _divided(pair.images) or _divided(pair.masks):
        return {}
    return {WHOLE: pair}


def _splits_above(top: Path) -> dict[str, _Folders]:
    """Find `train/images/` and `train/masks/`, and the same of val and test."""
    found = {split: _pair_in(folder) for folder, split in _named_splits(top)}
    return {split: pair for split, pair in found.items() if pair}


def _splits_below(top: Path) -> dict[str, _Folders]:
    """Find `images/train/` and `masks/train/`, and the same of val and test."""
    pair = _pair_in(top)
    if pair is None:
        return {}
    images, masks = ({split: folder for folder, split in _named_splits(below)} for below in pair)
    return {split: _Folders(images[split], masks[split]) for split in images if split in masks}


def _folders_beside(top: Path) -> dict[str, _Folders]:
    """Find `train/` and `train_masks/` or `trainannot/`, and the same of val and test."""
    folders = {folder.name.casefold(): folder for folder in look(top, Counter()).folders}
    found: dict[str, _Folders] = {}
    for name, folder in folders.items():
        split = split_of(folder)
        beside = (
            folders.get(f"{name}{joint}{kind}") for joint in ("", "_", "-") for kind in sorted(MASK_FOLDERS)
        )
        masks = next(filter(None, beside), None)
        if split and masks:
            found[split] = _Folders(folder, masks)
    return found


def _pair_in(folder: Path) -> _Folders | None:
    images, masks = _named_in(folder)
    if len(images) == len(masks) == 1:
        return _Folders(images[0], masks[0])
    with_pictures = [below for below in masks if _has_pictures(below)]
    return _Folders(images[0], with_pictures[0]) if len(images) == len(with_pictures) == 1 else None


def _named_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders that are called as those of pictures are, and those that are called as those of masks."""
    folders = look(folder, Counter()).folders
    images = [below for below in folders if below.name.casefold() in IMAGE_FOLDERS]
    return images, [below for below in folders if below.name.casefold() in MASK_FOLDERS]


def _has_pictures(folder: Path) -> bool:
    return next(walk(folder, Counter()), None) is not None


def _unclear(root: Path) -> str | None:
    """Say that several folders may be those of the masks, as where the field of view has masks too."""
    for top in _descended(root):
        for folder in (top, *(below for below, _ in _named_splits(top))):
            images, masks = _named_in(folder)
            candidates = [below.name for below in masks if _has_pictures(below)]
            if len(images) == 1 and len(candidates) > 1:
                return (
                    f"{folder} holds {images[0].name}/, and more than one folder that may be its masks: "
                    f"{', '.join(candidates)}; move the others away, or give a table with a column of each"
                )
    return None


def _named_splits(folder: Path) -> list[tuple[Path, str]]:
    return [(below, split) for below in look(folder, Counter()).folders if (split := split_of(below))]


def _divided(folder: Path) -> bool:
    return any(split == "train" for _, split in _named_splits(folder))


def _is_mixed(root: Path) -> bool:
    """Return whether masks lie among their pictures: a third or more of the first files, with a picture of each."""
    files = {(path.parent, path.stem) for path in islice(walk(root, Counter()), _LOOKED_AT)}
    masks = [file for file in files if is_mask_name(file[1])]
    paired_masks = sum((folder, name_without_mask(stem)) in files for folder, stem in masks)
    return bool(masks) and 3 * len(masks) >= len(files) and 2 * paired_masks >= len(masks)


def _tops(root: Path, splits: dict[str, _Folders]) -> Iterator[Path]:
    """Give the folders in which a file may name the classes, the likeliest first."""
    seen = {root}
    yield root
    for folders in splits.values():
        for path in (folders.masks.parent, folders.masks.parent.parent, folders.masks):
            if path not in seen and path.is_relative_to(root):
                seen.add(path)
                yield path
