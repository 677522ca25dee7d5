"""What a run writes down of its recipe and of its data, for a person, a report and a resume to read."""

from pathlib import Path
from typing import Any, Final

import msgspec

from residua.data import Description, Preprocess, Source, describe, reopen
from residua.data.source import DIGITS
from residua.errors import BadData
from residua.nets.spec import Spec
from residua.training.recipe import Recipe

FORMAT: Final = 1


class Config(msgspec.Struct, frozen=True):
    """What `config.json` holds: the recipe, the reasons for what was chosen, and the network as it was built."""

    format: int
    config: Recipe
    chosen: dict[str, str]
    network: Spec | None = None


class DataRecord(msgspec.Struct, frozen=True):
    """What `data.json` holds: the data in short for a reader, and whole for a resume.

    Attributes:
        data: as the user named it.
        classes: their names.
        splits: samples and counts of each.
        notes: what was found and decided, in sentences.
        preprocess: of the pictures.
        description: every picture by name.
        located: the data from the root of the file system, to be found from any folder.
    """

    data: str
    classes: tuple[str, ...]
    splits: dict[str, Any]
    notes: tuple[str, ...]
    preprocess: Preprocess
    description: Description
    located: str = ""


def data_record(source: Source, data: str | Path, preprocess: Preprocess) -> DataRecord:
    """Return what is to be written of the data."""
    splits = {
        name: {"samples": len(split), "counts": list(split.counts().values())}
        for name, split in source.splits.items()
    }
    return DataRecord(
        data=str(data),
        classes=source.classes,
        splits=splits,
        notes=source.notes,
        preprocess=preprocess,
        description=describe(source),
        located=located(data),
    )


def located(data: str | Path) -> str:
    """Return one name for the same data, however the user names it.

    >>> located("photos/") == located("./photos") == located(Path.cwd() / "photos")
    True
    """
    return DIGITS if str(data) == DIGITS else str(Path(data).resolve())


def whereabouts(record: DataRecord) -> str:
    """Return where the data of a run are now.

    Raises:
        BadData: neither where they were nor where the user's name for them leads from here.
    """
    for known in (record.located, record.data):
        if known == DIGITS or (known and Path(known).exists()):
            return known
    raise BadData(
        f"the data of this run are no longer at {record.located or record.data}; say where they are now: "
        "`residua resume RUN --data DATA`, or `residua evaluate RUN DATA`"
    )


def reopened(data: str | Path | None, record: DataRecord) -> Source | None:
    """Return the data of a run as it divided them, or None when `data` are others.

    Args:
        data: as the user named them; None for those of the run itself. A copy elsewhere is the same data.
        record: of the run.

    Raises:
        BadData: they are the run's own and have changed.
    """
    if data is None:
        return reopen(whereabouts(record), record.description)
    if located(data) in (record.located, located(record.data)):
        return reopen(data, record.description)
    try:
        return reopen(data, record.description)
    except BadData:
        return None
