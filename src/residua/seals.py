"""A checksum inside a safetensors file, over every byte of it: what is damaged is found before it is read.

The header has a place for text. A seal there is the SHA-256 of the whole file, taken while the seal itself was
sixty-four zeros, so that the header, the lengths and the numbers are all covered by it.
"""

import hashlib
from pathlib import Path
from typing import BinaryIO, Final

from residua.errors import BadRun
from residua.files import reading

SEAL: Final = "seal"
"""The name of a seal in the text of a header."""
BLANK: Final = "0" * 64
"""What stands there until the file is sealed."""
MARK: Final = f'"{SEAL}":"'.encode()
"""What comes before a seal; in any other text of the header the quotation marks are escaped."""
LONGEST: Final = 100_000_000
"""Bytes of a header: the most that safetensors reads."""
PIECE: Final = 1 << 20


def seal(path: Path) -> None:
    """Seal a safetensors file that was written with `{SEAL: BLANK}` in its text.

    >>> import tempfile, torch
    >>> from safetensors.torch import save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.safetensors"
    ...     save_file({"a": torch.zeros(2)}, path, metadata={SEAL: BLANK})
    ...     seal(path)
    ...     sealed(path)
    True
    """
    with path.open("r+b") as file:
        header = header_of(file, path)
        place = header.index(MARK) + len(MARK)
        digest = digest_of(file, place)
        file.seek(place)
        file.write(digest.encode())


def sealed(path: Path) -> bool:
    """Return True for a safetensors file that is as it was when it was sealed, False for one without a seal.

    Raises:
        BadRun: it cannot be read, is cut short, or is not as it was.
    """
    with reading(path), path.open("rb") as file:
        header = header_of(file, path)
        place = header.find(MARK) + len(MARK)
        if place < len(MARK):
            return False
        if header[place : place + len(BLANK)] != digest_of(file, place).encode():
            raise BadRun(f"{path} is damaged: its checksum is not that of its content")
    return True


def header_of(file: BinaryIO, path: Path) -> bytes:
    """Return the beginning of a safetensors file up to its numbers: the length of the header, and the header.

    Raises:
        BadRun: it has none, or the file ends within it.
    """
    length = int.from_bytes(file.read(8), "little")
    if length > LONGEST:
        raise BadRun(
            f"{path} is damaged or no safetensors file: it claims a header of {length:,} bytes, and at most "
            f"{LONGEST:,} are read"
        )
    header = file.read(length)
    if not length or len(header) < length:
        raise BadRun(f"{path} is damaged or no safetensors file: it ends before its header does")
    return length.to_bytes(8, "little") + header


def digest_of(file: BinaryIO, place: int) -> str:
    """Return the SHA-256 of a file, as if its seal at a place were blank."""
    file.seek(0)
    digest = hashlib.sha256(file.read(place))
    digest.update(BLANK.encode())
    file.seek(place + len(BLANK))
    while piece := file.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()
