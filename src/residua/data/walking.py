"""What lies in a folder: the pictures and the folders, without what systems leave there."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from residua.data.listing import amount

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
IMAGE_FOLDERS = frozenset(
    {
        *{"image", "images", "img", "imgs", "input", "inputs", "picture", "pictures", "photo", "photos"},
        *{"jpegimages", "leftimg8bit", "rgb"},
    }
)
"""What folders of pictures are called that have their masks in another folder."""
MASK_FOLDERS = frozenset(
    {
        *{"mask", "masks", "label", "labels", "annotation", "annotations", "annot", "seg", "segmentation"},
        *{"segmentations", "segmentationclass", "gt", "gtfine", "ground_truth", "groundtruth", "truth"},
        *{"target", "targets", "1st_manual", "manual"},
    }
)
"""What those folders of masks are called."""
_SYSTEM = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found"})
_HIDDEN = ("hidden file or folder", "hidden files or folders")
_OF_SYSTEM = ("file or folder of the operating system", "files or folders of the operating system")
_BACKWARDS = ("link to a folder above it", "links to a folder above them")

Ignored = Counter[tuple[str, str]]
"""How many there were of each kind, which is named as one and as many."""


@final
@dataclass(slots=True)
class Inside:
    """What lies directly in one folder."""

    folders: list[Path] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)


def split_of(folder: Path) -> str | None:
    """Return the split that a folder is by its name, or None."""
    name = folder.name.casefold()
    return next((split for split, names in _SPLIT_NAMES.items() if name in names), None)


def look(folder: Path, ignored: Ignored) -> Inside:
    """Return the folders and the pictures directly in `folder`, in order of name, and count what is ignored."""
    inside = Inside()
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


def walk(folder: Path, ignored: Ignored, above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Give every picture in `folder` and below, in order of name; a link back to a folder above is not followed."""
    real = os.path.realpath(folder)
    if real in above:
        ignored[_BACKWARDS] += 1
        return
    inside = look(folder, ignored)
    yield from inside.pictures
    for below in inside.folders:
        yield from walk(below, ignored, (*above, real))


def said_of_ignored(ignored: Ignored) -> list[str]:
    """Return in sentences what was counted as ignored."""
    return [f"{amount(count, *kind)} ignored" for kind, count in sorted(ignored.items())]
