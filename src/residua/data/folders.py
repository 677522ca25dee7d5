"""A folder of class folders, with or without train, val and test above them."""

from collections import Counter
from pathlib import Path

from residua.data.listing import WHOLE, Entry, Listing, amount
from residua.data.walking import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    Ignored,
    Inside,
    look,
    said_of_ignored,
    split_of,
    walk,
)
from residua.errors import BadData

_LAYOUTS = """Put the pictures of each class into a folder of its own and give the folder above,
    photos/cat/1.jpg   photos/dog/1.jpg
or divide them first,
    photos/train/cat/1.jpg   photos/val/cat/2.jpg   photos/test/cat/3.jpg
or give a table with a path column and a label column (.csv, .tsv, .parquet)"""


def list_folder(root: Path) -> Listing:
    """Return what the folder `root` holds, by split and class.

    Raises:
        BadData: it has none of the layouts that are read.
    """
    ignored: Ignored = Counter()
    notes: list[str] = []
    problems: list[str] = []
    top, inside = _descended(root, ignored, notes)
    splits = _split_folders(top, inside, notes, problems)
    if not splits:
        splits = {WHOLE: top}
    entries: dict[str, list[Entry]] = {}
    for split, folder in splits.items():
        entries[split] = []
        found = inside if folder == top else look(folder, ignored)
        _refuse_masks(folder, found)
        if found.pictures:
            notes.append(f"in no class and not read: {_count(found.pictures)} directly in {folder.name}/")
        for class_folder in found.folders:
            pictures = list(walk(class_folder, ignored))
            if not pictures:
                problems.append(
                    f"class folder {class_folder.relative_to(root)}/ holds no picture; remove or fill it"
                )
            label = class_folder.name
            entries[split] += [Entry(path.relative_to(root).as_posix(), label) for path in pictures]
    if inside.pictures and WHOLE not in splits:
        notes.append(f"in no class and not read: {_count(inside.pictures)} directly in {top.name}/")
    notes += said_of_ignored(ignored)
    return Listing(
        root=root,
        kind="folder",
        entries=entries,
        notes=tuple(notes),
        problems=tuple(problems),
    )


def _refuse_masks(folder: Path, inside: Inside) -> None:
    """Refuse what holds no classes but pictures and, beside them, a mask for each: they are no two classes."""
    names = sorted(below.name for below in inside.folders)
    kinds = [kind for name in names for kind in (IMAGE_FOLDERS, MASK_FOLDERS) if name.casefold() in kind]
    if len(names) == 2 and set(kinds) == {IMAGE_FOLDERS, MASK_FOLDERS}:
        raise BadData(
            f"{folder} holds {names[0]}/ and {names[1]}/: that looks like data for segmentation, a mask beside "
            f"each picture. Whole pictures are classified here, by class folders. {_LAYOUTS}"
        )


def _descended(root: Path, ignored: Ignored, notes: list[str]) -> tuple[Path, Inside]:
    """Go down into a folder that is alone in its folder, as unpacked archives often are."""
    top, inside = root, look(root, ignored)
    while len(inside.folders) == 1 and not inside.pictures and not split_of(inside.folders[0]):
        below = look(inside.folders[0], ignored)
        if not below.folders:
            break
        top, inside = inside.folders[0], below
    if not inside.folders:
        held = f"{_count(inside.pictures)} and no folder" if inside.pictures else "no picture and no folder"
        raise BadData(f"{top} holds {held}, so nothing says their class. {_LAYOUTS}")
    if top != root:
        notes.append(f"the pictures are in {top}")
    return top, inside


def _split_folders(top: Path, inside: Inside, notes: list[str], problems: list[str]) -> dict[str, Path]:
    """Return the folders that are splits by their name and hold class folders, in the order train, val, test."""
    named = {folder: split for folder in inside.folders if (split := split_of(folder))}
    looks = {folder: look(folder, Counter()) for folder in named}
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


def _count(pictures: list[Path]) -> str:
    return amount(len(pictures), "picture")
