"""Pictures in Parquet files: looked through by their labels alone, and read a row group at a time."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple, final

from residua.data.arrow import opened_parquet
from residua.data.shards.columns import Columns, columns_of
from residua.data.shards.index import Shard
from residua.data.shards.scan import Member
from residua.errors import BadData

HELD: Final = 256 * 1024**2
"""Bytes of row groups that a process holds; where one alone takes more, that one."""
LARGEST_GROUP: Final = 1024**3
"""Bytes of pictures in one row group, which has to be in memory as a whole, at most."""


class Rows(NamedTuple):
    """What a Parquet file holds: the rows of each group, those that say a class, and how many say none."""

    groups: tuple[int, ...]
    members: list[Member]
    unlabelled: int


def rows_of(path: Path) -> Rows:
    """Return the samples of the Parquet file at `path`; its footer and its labels are read, and no picture.

    A row without a label, or with -1 where the file names its classes, is counted and left out.

    Raises:
        BadData: it is no Parquet file, or its columns cannot be told apart, or a row group is too large.
        MissingExtra: PyArrow is not installed.
    """
    with opened_parquet(path) as file:
        columns = columns_of(file.schema_arrow, path.name)
        groups = tuple(file.metadata.row_group(number).num_rows for number in range(file.num_row_groups))
        means = [_mean_length(file, number, columns.picture, path.name) for number in range(len(groups))]
        members: list[Member] = []
        row = unlabelled = 0
        for number in range(len(groups)):
            for label in _labels(file, number, columns, path.name):
                if label is None:
                    unlabelled += 1
                else:
                    length = means[number]
                    place = (row, 1) if columns.mask else (0, 0)
                    members.append(Member(f"{path.name}/{row}", row, length, label, *place))
                row += 1
    return Rows(groups, members, unlabelled)


def content_at(path: Path, shard: Shard, row: int, column: str = "picture") -> bytes | None:
    """Return the bytes in a row of the column of pictures or of masks, or None if there are none.

    The row group stays in memory, as its other rows will be asked for soon: see `HELD`.

    Raises:
        BadData: the file is damaged.
    """
    ends = list(accumulate(shard.groups))
    number = bisect_right(ends, row)
    key = (str(path), path.stat().st_mtime_ns, number, column)
    found = _held.group(key, lambda: _read(path, number, column))
    cell = found[row - (ends[number] - shard.groups[number])].as_py()
    return cell if isinstance(cell, bytes) and cell else None


_Key = tuple[str, int, int, str]
"""The path of a file, when it was changed, the number of the group, and which column of it."""


@final
class Held:
    """Row groups in memory, those that were used last; safe to use from several threads.

    Args:
        most: bytes that they take at most, unless a single one takes more.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = 0
        self._groups: OrderedDict[_Key, Any] = OrderedDict()
        self._lock = Lock()

    def group(self, key: _Key, read: Callable[[], Any]) -> Any:
        """Return the row group that is held under `key`, or what `read` gives, which is held from then on."""
        with self._lock:  # while it is read too: another thread wants the same group more often than not
            if key in self._groups:
                self._groups.move_to_end(key)
                return self._groups[key]
            found = read()
            self._groups[key] = found
            self.bytes += found.nbytes
            while self.bytes > self.most and len(self._groups) > 1:
                self.bytes -= self._groups.popitem(last=False)[1].nbytes
            return found


_held = Held(HELD)


def _read(path: Path, number: int, column: str) -> Any:
    """Return the bytes in one column of a row group, as PyArrow has them."""
    with opened_parquet(path) as file:
        columns = columns_of(file.schema_arrow, path.name)
        name = columns.mask if column == "mask" else columns.picture
        of_structs = file.schema_arrow.field(name).type.num_fields > 0
        table = file.read_row_group(
            number, columns=[f"{name}.bytes" if of_structs else name], use_threads=False
        )
        # One piece, so that what is held is what was counted.
        found = table.column(name).combine_chunks()
        return found.field("bytes") if of_structs else found


def _labels(file: Any, number: int, columns: Columns, name: str) -> list[str | None]:
    """Return what each row of a group is called, or None where a row says nothing."""
    if columns.label is None:
        return [""] * file.metadata.row_group(number).num_rows
    found = file.read_row_group(number, columns=[columns.label], use_threads=False)
    cells = found.column(columns.label).to_pylist()
    if not columns.classes:
        return [None if cell is None or str(cell).strip() == "" else str(cell).strip() for cell in cells]
    outside = [cell for cell in cells if cell is not None and not -1 <= cell < len(columns.classes)]
    if outside:
        raise BadData(
            f"{name} has label {outside[0]} and names {len(columns.classes)} classes; write the file again with the "
            "names of all its classes"
        )
    return [None if cell is None or cell < 0 else columns.classes[cell] for cell in cells]


def _mean_length(file: Any, number: int, column: str, name: str) -> int:
    """Return about how many bytes a picture of a row group has, from the footer."""
    group = file.metadata.row_group(number)
    parts = (group.column(place) for place in range(group.num_columns))
    taken = sum(part.total_uncompressed_size for part in parts if part.path_in_schema.split(".")[0] == column)
    if taken > LARGEST_GROUP:
        raise BadData(
            f"{name} has a row group of {taken:,} bytes, and one has to be in memory as a whole: at most "
            f"{LARGEST_GROUP:,} are read. Write it again in smaller ones, as with row_group_size=100 of "
            "pyarrow.parquet.write_table"
        )
    return int(taken // max(1, group.num_rows))
