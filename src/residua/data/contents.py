"""The bytes of a file of the data, and whether they are still those that were there when a run began."""

import zlib
from pathlib import Path

from residua.data.refusals import UnreadablePicture

CHANGED = "its content is not what it was when the run began"


def content_of(path: Path, *, name: str, checksum: int | None = None) -> bytes:
    """Return the bytes of a file, which must be those with a checksum if one is given.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a").write_bytes(b"123456789")
    ...     content_of(Path(folder) / "a", name="a", checksum=0xCBF43926)  # the check value of CRC-32
    b'123456789'

    Raises:
        UnreadablePicture: they are others.
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    if checksum is not None and checksum_of(content) != checksum:
        raise UnreadablePicture(name, CHANGED)
    return content


def checksum_of(content: bytes) -> int:
    """Return the CRC-32 of the bytes of a file: it finds what changed by accident, in a hundredth of decoding."""
    return zlib.crc32(content)


def file_checksum(path: Path) -> int | None:
    """Return the checksum of a file; None for one that cannot be read, as who reads it will say."""
    try:
        return checksum_of(path.read_bytes())
    except OSError:
        return None
