"""Pictures that somebody names on a command line: files, or folders of them."""

from pathlib import Path
from typing import Final

from residua.data import PICTURE_SUFFIXES

EMPTY: Final = "a folder without pictures"


def listed(path: Path) -> list[Path]:
    """Return the path itself, or the pictures in a folder and below it, sorted; a folder without any is itself."""
    if not is_folder(path):
        return [path]
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file())
    return found or [path]


def is_folder(path: Path) -> bool:
    """Return whether a path leads to a folder; where that cannot be known, reading it says why."""
    try:
        return path.is_dir()
    except OSError:
        return False
