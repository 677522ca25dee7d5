"""Files that are either whole or not there; what stands in their way is said in one form."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from safetensors import SafetensorError

from residua.errors import BadRun

NOT_JSON: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON of the kind asked for; the last where they are nested too deep."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever keeps `path` from being read into one error.

    Raises:
        BadRun: the file is gone, is no file, or its permissions do not let it be read.
    """
    try:
        yield
    except OSError as error:
        raise BadRun(f"{path} cannot be read: {reason(error)}") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn whatever keeps `path` from being written into one error.

    Raises:
        BadRun: the disk is full or read-only, or the folder does not let us write.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:  # safetensors has an error of its own for a full disk
        raise BadRun(
            f"{path} was not written: {reason(error)}; what was saved before is as it was. "
            "Free some space there, or see who may write there, then try again"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it takes the name of `path`, else it vanishes.

    The bytes reach the disk before the name changes, so a reader sees the old file or the new one whole.

    Raises:
        BadRun: the disk is full or read-only; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path):
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def reason(error: Exception) -> str:
    """Return why the system refused, without the number and the path that it says too.

    >>> reason(FileNotFoundError(2, "No such file or directory", "a"))
    'no such file or directory'
    """
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return text[0].lower() + text[1:]
