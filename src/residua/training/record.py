"""What a run writes down of its recipe and of its data, for a person, a report and a resume to read."""

from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from residua.data import Description, Preprocess, Source, describe, reopen
from residua.data.masks import (
    SCENES,
    MaskDescription,
    MaskEncoding,
    MaskPreprocess,
    MaskSource,
    describe_masks,
    reopen_masks,
)
from residua.data.shards import is_url
from residua.data.source import DIGITS
from residua.errors import BadData
from residua.nets.spec import Spec
from residua.runs import Run, read_json
from residua.runs.folder import refuse_newer
from residua.training.recipe import Recipe

FORMAT: Final = 1
"""Of `config.json`: the one that is written, and the newest that is read."""
EMBEDDED: Final = (DIGITS, SCENES)
"""Data that are no files."""


class Config(msgspec.Struct, frozen=True):
    """What `config.json` holds: the recipe, the reasons for what was chosen, and the network as it was built."""

    format: int
    config: Recipe
    chosen: dict[str, str]
    network: Spec | None = None


def read_config(run: Run) -> Config:
    """Return the recipe of a run, and who chose what.

    Raises:
        BadRun: it cannot be read, or a newer version wrote it.
    """
    refuse_newer(run.config, FORMAT)
    return read_json(run.config, Config)


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
        task: what the run is for.
    """

    data: str
    classes: tuple[str, ...]
    splits: dict[str, Any]
    notes: tuple[str, ...]
    preprocess: Preprocess
    description: Description
    located: str = ""
    task: Literal["classification"] = "classification"

    def opened(self, where: str | Path) -> Source:
        """Return the data at a place as the run divided them."""
        return reopen(where, self.description)


class MaskRecord(msgspec.Struct, frozen=True):
    """The same of pictures with masks; pixels are counted, and `encoding` says what the values of masks mean."""

    data: str
    classes: tuple[str, ...]
    splits: dict[str, Any]
    notes: tuple[str, ...]
    preprocess: MaskPreprocess
    encoding: MaskEncoding
    description: MaskDescription
    located: str = ""
    task: Literal["segmentation"] = "segmentation"

    def opened(self, where: str | Path) -> MaskSource:
        """Return the data at a place as the run divided them."""
        return reopen_masks(where, self.description)


Record = DataRecord | MaskRecord


class _Kind(msgspec.Struct):
    task: str = "classification"


def read_record(run: Run) -> Record:
    """Return what a run wrote down of its data.

    Raises:
        BadRun: it cannot be read.
    """
    masks = read_json(run.data, _Kind).task == "segmentation"
    return read_json(run.data, MaskRecord) if masks else read_json(run.data, DataRecord)


def data_record(source: Source, data: str | Path, preprocess: Preprocess) -> DataRecord:
    """Return what is to be written of pictures with one class each."""
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


def mask_record(source: MaskSource, data: str | Path, preprocess: MaskPreprocess) -> MaskRecord:
    """Return what is to be written of pictures with masks."""
    splits = {
        name: {"samples": len(split), "pixels": split.pixels(), "void": split.void_pixels()}
        for name, split in source.splits.items()
    }
    return MaskRecord(
        data=str(data),
        classes=source.classes,
        splits=splits,
        notes=source.notes,
        preprocess=preprocess,
        encoding=source.encoding,
        description=describe_masks(source),
        located=located(data),
    )


def located(data: str | Path) -> str:
    """Return one name for the same data, however the user names it.

    >>> located("photos/") == located("./photos") == located(Path.cwd() / "photos")
    True
    """
    return str(data) if str(data) in EMBEDDED or is_url(data) else str(Path(data).resolve())


def whereabouts(record: Record) -> str:
    """Return where the data of a run are now.

    Raises:
        BadData: neither where they were nor where the user's name for them leads from here.
    """
    for known in (record.located, record.data):
        if known in EMBEDDED or (known and (is_url(known) or Path(known).exists())):
            return known
    raise BadData(
        f"the data of this run are no longer at {record.located or record.data}; say where they are now: "
        "`residua resume RUN --data DATA`, or `residua evaluate RUN DATA`"
    )


def reopened(data: str | Path | None, record: Record) -> Source | MaskSource | None:
    """Return the data of a run as it divided them, or None when `data` are others.

    Args:
        data: as the user named them; None for those of the run itself. A copy elsewhere is the same data.
        record: of the run.

    Raises:
        BadData: they are the run's own and have changed.
    """
    if data is None:
        return record.opened(whereabouts(record))
    if located(data) in (record.located, located(record.data)):
        return record.opened(data)
    try:
        return record.opened(data)
    except BadData:
        return None
