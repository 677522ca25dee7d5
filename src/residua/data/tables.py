"""A table with a row for each picture: CSV, TSV or Parquet."""

import csv
from collections.abc import Sequence
from itertools import chain
from pathlib import Path, PurePath
from typing import NamedTuple

from residua.data.arrow import opened_parquet
from residua.data.listing import WHOLE, Entry, Listing, amount
from residua.data.walking import SUFFIXES
from residua.errors import BadData

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})

PATH_NAMES = [
    *("path", "filepath", "file_path", "file", "filename", "file_name"),
    *("image", "image_path", "imagepath", "img", "img_path", "picture"),
]
LABEL_NAMES = ["label", "labels", "class", "class_name", "classname", "category", "target", "y", "species"]
MASK_NAMES = [
    *("mask", "mask_path", "maskpath", "masks", "mask_file", "label", "labels", "label_path", "labelpath"),
    *("segmentation", "seg", "annotation", "annotation_path", "target", "gt", "ground_truth"),
]
SPLIT_COLUMNS = ["split", "subset", "set", "fold", "partition"]
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
}
SPLITS |= {"test": "test", "testing": "test"}


class Table(NamedTuple):
    """The columns by name, and what a user calls row i: its line in a text file, its row in a Parquet file."""

    columns: list[str]
    rows: list[Sequence[str]]
    places: list[str]


def list_table(path: Path) -> Listing:
    """Return what the table at `path` lists; relative paths in it are relative to its folder.

    Raises:
        BadData: it is no table, or its columns cannot be told apart.
        MissingExtra: a Parquet table without pyarrow.
    """
    table, columns, notes = _columns(path, read_table(path))
    problems: list[str] = []
    missing: dict[str, str] = {}
    entries: dict[str, list[Entry]] = {}
    for row, place in zip(table.rows, table.places, strict=True):
        if len(row) != len(table.columns):
            problems.append(f"{place} has {amount(len(row), 'cell')}, the header has {len(table.columns)}")
            continue
        name, label = row[columns.path].strip(), row[columns.label].strip()
        if not name or not label:
            problems.append(f"{place} has no {'path' if not name else 'label'}")
            continue
        split = WHOLE
        if columns.split is not None:
            written = row[columns.split].strip()
            if written.casefold() not in SPLITS:
                problems.append(f"{place} says split '{written}'; the splits are train, val and test")
                continue
            split = SPLITS[written.casefold()]
        entries.setdefault(split, []).append(Entry(name, label))
        if not (path.parent / name).exists():
            missing[name] = f"there is no such file ({place} of {path.name})"
    listed = sum(map(len, entries.values()))
    if listed and len(missing) == listed:
        name, why = next(iter(missing.items()))
        problems.append(f"of {amount(listed, 'file')} none exists; the first is {path.parent / name}: {why}")
    divided = {split: entries[split] for split in ("train", "val", "test", WHOLE) if split in entries}
    if columns.split is not None and "train" not in divided:
        problems.append("no row belongs to train")
    return Listing(
        root=path.parent,
        kind="table",
        entries=divided,
        notes=notes,
        problems=tuple(problems),
        missing=missing,
    )


def read_table(path: Path) -> Table:
    """Return the cells of a table.

    Raises:
        BadData: it is no table.
        MissingExtra: a Parquet table without pyarrow.
    """
    return _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_text(path)


class _Columns(NamedTuple):
    path: int
    label: int
    split: int | None


def _columns(path: Path, table: Table) -> tuple[Table, _Columns, tuple[str, ...]]:
    """Find the columns by their names, or where one name only is missing, by what they hold."""
    notes: list[str] = []
    if any(_is_picture(cell) for cell in table.columns):
        count = len(table.columns)
        names = [f"column {number}" for number in range(1, count + 1)]
        table = Table(names, [table.columns, *table.rows], ["line 1", *table.places])
        notes.append(f"{path.name} has no header line: its first line is read as a picture")
    if not table.rows:
        raise BadData(f"{path} has a header and nothing below it; it needs a line for each picture")
    folded = [name.strip().casefold().replace(" ", "_") for name in table.columns]
    split = next((folded.index(name) for name in SPLIT_COLUMNS if name in folded), None)
    if split is not None and not holds_splits(table, split):
        split = None
    paths = next(
        (
            folded.index(name)
            for name in PATH_NAMES
            if name in folded and holds_paths(table, folded.index(name))
        ),
        None,
    )
    if paths is None:
        held = [column for column in range(len(folded)) if holds_paths(table, column)]
        if len(held) != 1:
            raise _unclear(path, table, "of the paths", "path", held)
        paths = held[0]
    label = next(
        (folded.index(name) for name in LABEL_NAMES if name in folded and folded.index(name) != paths), None
    )
    if label is None:
        held = [column for column in range(len(folded)) if column not in (paths, split)]
        if len(held) != 1:
            raise _unclear(path, table, "of the labels", "label", held)
        label = held[0]
    said = f"paths from column '{table.columns[paths]}', labels from column '{table.columns[label]}'"
    if split is not None:
        said += f", splits from column '{table.columns[split]}'"
    return table, _Columns(paths, label, split), (*notes, said)


def _is_picture(cell: str) -> bool:
    return PurePath(cell.strip()).suffix.lower() in SUFFIXES


def holds_paths(table: Table, column: int) -> bool:
    """Return whether most of a column names pictures."""
    cells = [row[column] for row in table.rows[:100] if len(row) > column]
    return bool(cells) and sum(map(_is_picture, cells)) * 2 > len(cells)


def holds_splits(table: Table, column: int) -> bool:
    """Return whether most of a column names splits."""
    cells = [row[column].strip().casefold() for row in table.rows[:100] if len(row) > column]
    return bool(cells) and sum(cell in SPLITS for cell in cells) * 2 > len(cells)


def _unclear(path: Path, table: Table, what: str, name: str, held: list[int]) -> BadData:
    columns = ", ".join(repr(table.columns[column]) for column in held or range(len(table.columns)))
    count = "none of its columns reads like that" if not held else f"it could be any of {len(held)}"
    return BadData(f"{path} has no column {what} that is told by name: {count} ({columns}); call it '{name}'")


def _read_text(path: Path) -> Table:
    """Read a CSV or TSV file; an Excel byte-order mark and a semicolon or tab between the cells are taken too."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadData(f"{path} cannot be read as a table: {error}; save it as UTF-8 CSV") from error
    first = text.partition("\n")[0]
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)
    try:
        reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
        lines = [(row, f"line {reader.line_num}") for row in reader if row]
    except csv.Error as error:
        raise BadData(f"{path} cannot be read as a table: line {reader.line_num}: {error}") from error
    if len(lines) < 1:
        raise BadData(f"{path} is empty; it needs a header line, then a line for each picture")
    return Table(lines[0][0], [row for row, _ in lines[1:]], [place for _, place in lines[1:]])


def _read_parquet(path: Path) -> Table:
    with opened_parquet(path) as file:
        content = file.read()
        columns = [
            ["" if cell is None else str(cell) for cell in content[name].to_pylist()]
            for name in content.column_names
        ]
    rows = [tuple(row) for row in zip(*columns, strict=True)]
    return Table(
        list(content.column_names), list(chain(rows)), [f"row {number}" for number in range(1, len(rows) + 1)]
    )
