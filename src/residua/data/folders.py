"""A folder of class folders, with or without train, val and test above them."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from residua.data.listing import WHOLE, Entry, Listing, amount
from residua.errors import BadData

SUFFIXES = frozenset(
    {
        *{".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".jxl"},
        *{".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"},
    }
)
"""What makes a file a picture by its name, upper case or lower; some are named only to be refused with a reason."""

_SPLIT_NAMES = {
    "train": frozenset({"train", "training", "train_set", "trainset"}),
    "val": frozenset({"val", "valid", "validation", "dev", "val_set", "valset"}),
    "test": frozenset({"test", "testing", "test_set", "testset"}),
}
_SYSTEM = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found"})
_IMAGES = frozenset({"image", "images", "img", "imgs"})
_MASKS = frozenset({"mask", "masks", "label", "labels", "annotation", "annotations", "segmentation", "gt"})
_HIDDEN = ("hidden file or folder", "hidden files or folders")
_OF_SYSTEM = ("file or folder of the operating system", "files or folders of the operating system")
_BACKWARDS = ("link to a folder above it", "links to a folder above them")
_LAYOUTS = """Put the pictures of each class into a folder of its own and give the folder above,
    photos/cat/1.jpg   photos/dog/1.jpg
or divide them first,
    photos/train/cat/1.jpg   photos/val/cat/2.jpg   photos/test/cat/3.jpg
or give a table with a path column and a label column (.csv, .tsv, .parquet)"""

_Ignored = Counter[tuple[str, str]]
"""How many there were of each kind, which is named as one and as many."""


@final
@dataclass(slots=True)
class _Inside:
    """What lies directly in one folder."""

    folders: list[Path] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)


def list_folder(root: Path) -> Listing:
    """Return what the folder `root` holds, by split and class.

    Raises:
        BadData: it has none of the layouts that are read.
    """
    ignored: _Ignored = Counter()
    notes: list[str] = []
    problems: list[str] = []
    top, inside = _descended(root, ignored, notes)
    splits = _split_folders(top, inside, notes, problems)
    if not splits:
        splits = {WHOLE: top}
    entries: dict[str, list[Entry]] = {}
    for split, folder in splits.items():
        entries[split] = []
        found = inside if folder == top else _look(folder, ignored)
        _refuse_masks(folder, found)
        if found.pictures:
            notes.append(f"in no class and not read: {_count(found.pictures)} directly in {folder.name}/")
        for class_folder in found.folders:
            pictures = list(_walk(class_folder, ignored))
            if not pictures:
                problems.append(
                    f"class folder {class_folder.relative_to(root)}/ holds no picture; remove or fill it"
                )
            label = class_folder.name
            entries[split] += [Entry(path.relative_to(root).as_posix(), label) for path in pictures]
    if inside.pictures and WHOLE not in splits:
        notes.append(f"in no class and not read: {_count(inside.pictures)} directly in {top.name}/")
    notes += [f"{amount(count, *kind)} ignored" for kind, count in sorted(ignored.items())]
    return Listing(
        root=root,
        kind="folder",
        entries=entries,
        notes=tuple(notes),
        problems=tuple(problems),
    )


def _refuse_masks(folder: Path, inside: _Inside) -> None:
    """Refuse what holds no classes but pictures and, beside them, a mask for each: they are no two classes."""
    names = sorted(below.name for below in inside.folders)
    kinds = [kind for name in names for kind in (_IMAGES, _MASKS) if name.casefold() in kind]
    if len(names) == 2 and set(kinds) == {_IMAGES, _MASKS}:
        raise BadData(
            f"{folder} holds {names[0]}/ and {names[1]}/: that looks like data for segmentation, a mask beside "
            f"each picture. Whole pictures are classified here, by class folders. {_LAYOUTS}"
        )


def _descended(root: Path, ignored: _Ignored, notes: list[str]) -> tuple[Path, _Inside]:
    """Go down into a folder that is alone in its folder, as unpacked archives often are."""
    top, inside = root, _look(root, ignored)
    while len(inside.folders) == 1 and not inside.pictures and not _split_of(inside.folders[0]):
        below = _look(inside.folders[0], ignored)
        if not below.folders:
            break
        top, inside = inside.folders[0], below
    if not inside.folders:
        held = f"{_count(inside.pictures)} and no folder" if inside.pictures else "no picture and no folder"
        raise BadData(f"{top} holds {held}, so nothing says their class. {_LAYOUTS}")
    if top != root:
        notes.append(f"the pictures are in {top}")
    return top, inside


def _split_folders(top: Path, inside: _Inside, notes: list[str], problems: list[str]) -> dict[str, Path]:
    """Return the folders that are splits by their name and hold class folders, in the order train, val, test."""
    named = {folder: split for folder in inside.folders if (split := _split_of(folder))}
    looks = {folder: _look(folder, Counter()) for folder in named}
    classes = {
        below.name for folder, split in named.items() if split == "train" for below in looks[folder].folders
    }
    # Pictures beside class folders are strays; beside folders of other names they are a test without classes.
    divided = {
        folder: split
        for folder, split in named.items()
        if looks[folder].folders
        and (not looks[folder].pictures or classes & {below.name for below in looks[folder].folders})
    }
    if "train" not in divided.values():
        if named and len(named) == len(inside.folders):
            flat = ", ".join(f"{folder.name}/" for folder in named)
            raise BadData(f"{top} holds {flat} but no class folders in train/. {_LAYOUTS}")
        return {}
    found: dict[str, Path] = {}
    for split in ("train", "val", "test"):
        folders = [folder for folder, name in divided.items() if name == split]
        if len(folders) > 1:
            both = " and ".join(f"{folder.name}/" for folder in folders)
            problems.append(f"{both} are both read as {split}; rename or merge them")
        for folder in folders[:1]:
            found[split] = folder
            if folder.name != split:
                notes.append(f"{folder.name}/ is read as {split}")
    for folder in inside.folders:
        if folder not in divided:
            why = "holds no class folders of train" if folder in named else "is no split"
            notes.append(f"{folder.name}/ beside train/ {why} and is not read")
    return found


def _split_of(folder: Path) -> str | None:
    name = folder.name.casefold()
    return next((split for split, names in _SPLIT_NAMES.items() if name in names), None)


def _look(folder: Path, ignored: _Ignored) -> _Inside:
    """Return the folders and the pictures directly in `folder`, in order of name, and count what is ignored."""
    inside = _Inside()
    for item in sorted(folder.iterdir()):
        if item.name.startswith("."):
            ignored[_HIDDEN] += 1
        elif item.name.casefold() in _SYSTEM:
            ignored[_OF_SYSTEM] += 1
        elif item.is_dir():
            inside.folders.append(item)
        elif item.suffix.lower() in SUFFIXES:
            inside.pictures.append(item)
        else:
            ending = item.suffix.lower() or "no ending"
            one, many = "file that is no picture by its name", "files that are no pictures by their names"
            ignored[f"{one} ({ending})", f"{many} ({ending})"] += 1
    return inside


def _walk(folder: Path, ignored: _Ignored, above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Give every picture in `folder` and below, in order of name; a link back to a folder above is not followed."""
    real = os.path.realpath(folder)
    if real in above:
        ignored[_BACKWARDS] += 1
        return
    inside = _look(folder, ignored)
    yield from inside.pictures
    for below in inside.folders:
        yield from _walk(below, ignored, (*above, real))


def _count(pictures: list[Path]) -> str:
    return amount(len(pictures), "picture")
