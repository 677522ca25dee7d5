"""One door for all data: whole pictures with labels, or pictures with masks, told by what lies there."""

from collections.abc import Callable, Sequence
from pathlib import Path

from residua.data.masks.layout import holds_masks
from residua.data.masks.opening import SCENES, open_masks
from residua.data.masks.source import MaskSource
from residua.data.masks.table import table_holds_masks
from residua.data.shards import hold_masks, is_sharded, open_shards
from residua.data.source import DIGITS, Source, open_source
from residua.data.tables import TABLE_SUFFIXES
from residua.errors import BadData


def is_mask_data(data: str | Path) -> bool:
    """Return whether `data` are pictures with masks, by the names of folders and files or by the columns of a table.

    >>> is_mask_data("scenes"), is_mask_data("digits")
    (True, False)

    Raises:
        BadData: they may not be looked into.
        MissingExtra: a Parquet file without pyarrow, or a URL without fsspec.
    """
    if str(data) in (SCENES, DIGITS):
        return str(data) == SCENES
    if is_sharded(data):
        return hold_masks(data)
    path = Path(data)
    try:
        if path.is_dir():
            return holds_masks(path)
        return path.suffix.lower() in TABLE_SUFFIXES and path.exists() and table_holds_masks(path)
    except OSError as error:
        raise BadData(
            f"{error.filename or path} cannot be looked at: {error.strerror or error}; "
            "change that, or name other data"
        ) from error


def open_data(
    data: str | Path,
    *,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    void: Sequence[int] | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Source | MaskSource:
    """Open whatever `data` are: see `open_source` for pictures with labels, and `open_masks` for those with masks.

    Args:
        data: as the user named it.
        seed: of the division.
        classes: names of the classes of masks.
        void: values of masks that stand for no class.
        tell: told as it goes on how many masks are read, or shards of another program, and of how many.

    >>> type(open_data("digits")).__name__, type(open_data("scenes")).__name__
    ('Source', 'MaskSource')

    Raises:
        BadData: there is no such data, or it cannot be used.
        MissingExtra: an optional package is needed for it.
    """
    if is_mask_data(data):
        return open_masks(data, seed=seed, classes=classes, void=void, tell=tell)
    if classes or void:
        given = "classes" if classes else "void values"
        raise BadData(
            f"{given} were given for masks, and {data} has none: classes of pictures are their folders"
        )
    return open_shards(data, seed=seed, tell=tell) if is_sharded(data) else open_source(data, seed=seed)
