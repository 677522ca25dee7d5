"""Files with equal bytes, found without reading more than is needed."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from residua.data.threads import in_threads

_BEGINNING = 16 * 1024
Group = tuple[int, ...]


def equal_files(root: Path, names: Sequence[str]) -> list[Group]:
    """Return the positions in `names` of files with equal bytes, a group each; a file without its equal is in none.

    Only files of equal size are opened, and only those that begin alike are read to their end. A file that is
    empty or cannot be read equals no other.
    """
    groups = [tuple(range(len(names)))]
    for of in (_size, _beginning, _content):
        groups = _told_apart(groups, of, root, names)
    return sorted(groups)


def _told_apart(
    groups: list[Group], of: Callable[[Path], Hashable], root: Path, names: Sequence[str]
) -> list[Group]:
    """Cut each group into those of which `of` says the same, and drop whoever is left alone."""
    places = [place for group in groups for place in group]
    found = in_threads(lambda index: _known(of, root / names[places[index]]), len(places))
    said = dict(zip(places, found, strict=True))
    parts: dict[Hashable, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        for place in group:
            if said[place] is not None:
                parts[number, said[place]].append(place)
    return [tuple(part) for part in parts.values() if len(part) > 1]


def _known(of: Callable[[Path], Hashable], path: Path) -> Hashable:
    try:
        return of(path)
    except OSError:
        return None  # the reading of the pictures names it


def _size(path: Path) -> int | None:
    return path.stat().st_size or None


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.sha256(file.read(_BEGINNING)).digest()


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
