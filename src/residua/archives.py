"""Archives where no archive belongs: what they are and what in them is hostile, with nothing taken out."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

MEMBERS: Final = 10_000
"""Of an archive that are looked at."""


def archive_in(path: Path) -> str | None:
    """Return in words what archive a file is, or None if it is none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "photos.zip"
    ...     with zipfile.ZipFile(path, "w") as archive:
    ...         archive.writestr("../photo.jpg", b"")
    ...     archive_in(path)
    "a zip archive, and its '../photo.jpg' would be written outside of the folder it is unpacked to"
    """
    try:
        kind = "zip" if zipfile.is_zipfile(path) else "tar" if tarfile.is_tarfile(path) else None
        if kind is None:
            return None
        hostile = hostile_member(path)
    except (
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
    ) as error:
        return f"an archive that cannot be read ({error})"
    return f"a {kind} archive" + (f", and {hostile}" if hostile else "")


def hostile_member(path: Path) -> str | None:
    """Return in words the first member of an archive that could be written elsewhere or is no plain file, or None."""
    for name, plain in islice(_members(path), MEMBERS):
        if any(
            kind(name).is_absolute() or ".." in kind(name).parts for kind in (PurePosixPath, PureWindowsPath)
        ):
            return f"its '{name}' would be written outside of the folder it is unpacked to"
        if not plain:
            return f"its '{name}' is a link, a device or otherwise no plain file"
    return None


def _members(path: Path) -> Iterator[tuple[str, bool]]:
    """Give the name of each member, and whether it is a plain file or a folder; of a compressed tar only the first.

    To come to the second it would have to be unpacked, and may be made to fill a machine.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                form = stat.S_IFMT(member.external_attr >> 16)
                yield member.filename, form in (0, stat.S_IFREG, stat.S_IFDIR)
        return
    with tarfile.open(path) as packed:
        for entry in islice(packed, 1 if _compressed(path) else None):
            yield entry.name, entry.isreg() or entry.isdir()


def _compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6).startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ"))
