"""The one place that knows PyArrow: it is optional, and what it says of a file is said in one form."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from residua.errors import BadData, MissingExtra, ResiduaError


def arrow(what: str) -> Any:
    """Return the package `pyarrow`, with `pyarrow.parquet` in it.

    Args:
        what: is to be done with it, for the error.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra(f"{what} needs pyarrow: pip install 'residua[data]'") from error
    return pyarrow


@contextmanager
def opened_parquet(path: Path) -> Iterator[Any]:
    """Give the Parquet file at `path`, of which only the footer is read.

    Raises:
        BadData: it is none, or what is read of it inside is damaged.
        MissingExtra: PyArrow is not installed.
    """
    pyarrow = arrow("reading a Parquet file")
    try:
        # Without a buffer for what comes next: a row group is read by itself, and memory has to stay small.
        with pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:
            yield file
    except (FileNotFoundError, ResiduaError):
        raise
    # A cell may be no text, or a date that there is not: then it is Python that complains.
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise BadData(f"{path} cannot be read as a Parquet file: {error}; copy it again") from error
