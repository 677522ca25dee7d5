"""A folder of class folders, with or without train, val and test above them."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from residua.data.listing import WHOLE, Entry, Listing
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
_LAYOUTS = """Put the pictures into one folder a class,
    {root}/cat/1.jpg   {root}/dog/1.jpg
or divide them first,
    {root}/train/cat/1.jpg   {root}/val/cat/2.jpg   {root}/test/cat/3.jpg
or give a table with a path column and a label column (.csv, .tsv, .parquet)"""


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
    ignored: Counter[str] = Counter()
    notes: list[str] = []
    problems: list[str] = []
    top, inside = _descended(root, ignored, notes)
    splits = _split_folders(top, inside, ignored, notes, problems)
    if not splits:
        splits = {WHOLE: top}
    entries: dict[str, list[Entry]] = {}
    for split, folder in splits.items():
        entries[split] = []
        found = inside if folder == top else _look(folder, ignored)
        if found.pictures and folder != top:
            notes.append(f"{_count(found.pictures)} directly in {folder.name}/ are in no class and not read")
        for class_folder in found.folders:
            pictures = list(_walk(class_folder, ignored))
            if not pictures:
                problems.append(
                    f"class folder {class_folder.relative_to(root)}/ holds no picture; remove or fill it"
                )
            label = class_folder.name
            entries[split] += [Entry(path.relative_to(root).as_posix(), label) for path in pictures]
    if inside.pictures:
        notes.append(f"{_count(inside.pictures)} directly in {top.name}/ are in no class and not read")
    notes += [f"{count:,} {kind} ignored" for kind, count in sorted(ignored.items())]
    return Listing(
        root=root,
        kind="folder",
        entries=entries,
        notes=tuple(notes),
        problems=tuple(problems),
        ignored=ignored,
    )


def _descended(root: Path, ignored: Counter[str], notes: list[str]) -> tuple[Path, _Inside]:
    """Go down into a folder that is alone in its folder, as unpacked archives often are."""
    top, inside = root, _look(root, ignored)
    while len(inside.folders) == 1 and not inside.pictures and not _split_of(inside.folders[0]):
        below = _look(inside.folders[0], ignored)
        if not below.folders:
            break
        top, inside = inside.folders[0], below
    if not inside.folders:
        held = f"{_count(inside.pictures)} and no folder" if inside.pictures else "no picture and no folder"
        raise BadData(f"{top} holds {held}, so nothing says their class. {_LAYOUTS.format(root=root)}")
    if top != root:
        notes.append(f"the pictures are in {top}")
    return top, inside


def _split_folders(
    top: Path, inside: _Inside, ignored: Counter[str], notes: list[str], problems: list[str]
) -> dict[str, Path]:
    """Return the folders that are splits by their name and hold class folders, in the order train, val, test."""
    named = {folder: split for folder in inside.folders if (split := _split_of(folder))}
    looks = {folder: _look(folder, Counter()) for folder in named}
    divided = {folder: split for folder, split in named.items() if looks[folder].folders}
    divided = {
        folder: split for folder, split in divided.items() if not looks[folder].pictures or split == "train"
    }
    if "train" not in divided.values():
        if named and len(named) == len(inside.folders):
            flat = ", ".join(f"{folder.name}/" for folder in named)
            raise BadData(f"{top} holds {flat} but no class folders in train/. {_LAYOUTS.format(root=top)}")
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
            why = "holds no class folders" if folder in named else "is no split"
            notes.append(f"{folder.name}/ beside train/ {why} and is not read")
    return found


def _split_of(folder: Path) -> str | None:
    name = folder.name.casefold()
    return next((split for split, names in _SPLIT_NAMES.items() if name in names), None)


def _look(folder: Path, ignored: Counter[str]) -> _Inside:
    """Return the folders and the pictures directly in `folder`, in order of name, and count what is ignored."""
    inside = _Inside()
    try:
        items = sorted(folder.iterdir())
    except OSError as error:
        raise BadData(f"{folder} cannot be listed: {error.strerror or error}") from error
    for item in items:
        if item.name.startswith("."):
            ignored["hidden files or folders"] += 1
        elif item.name.casefold() in _SYSTEM:
            ignored["files or folders of the operating system"] += 1
        elif item.is_dir():
            inside.folders.append(item)
        elif item.suffix.lower() in SUFFIXES:
            inside.pictures.append(item)
        else:
            ignored[f"files that are no pictures by name ({item.suffix.lower() or 'no ending'})"] += 1
    return inside


def _walk(folder: Path, ignored: Counter[str], above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Give every picture in `folder` and below, in order of name; a link back to a folder above is not followed."""
    real = os.path.realpath(folder)
    if real in above:
        ignored["links to a folder above them"] += 1
        return
    inside = _look(folder, ignored)
    yield from inside.pictures
    for below in inside.folders:
        yield from _walk(below, ignored, (*above, real))


def _count(pictures: list[Path]) -> str:
    return "1 picture" if len(pictures) == 1 else f"{len(pictures):,} pictures"
