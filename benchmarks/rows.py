"""Rows of a benchmark in a file, one JSON object a line, so that a measurement cut short goes on where it stopped."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from residua.lab.cores import on_all_cores

Row = dict[str, Any]
Key = TypeVar("Key")


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file in their order; none where there is no file yet."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def change_rows(changed: Callable[[Row], Row], path: Path, *, together: int) -> None:
    """Put what a function makes of each row in its place, so many at a time, on all cores, and write them each time."""
    rows = read_rows(path)
    for start in range(0, len(rows), together):
        rows[start : start + together] = on_all_cores(changed, rows[start : start + together], device="cpu")
        whole = path.with_name(f"{path.name}.new")  # so that a write cut short takes nothing with it
        whole.write_text("".join(json.dumps(row) + "\n" for row in rows))
        whole.replace(path)
        print(f"{min(len(rows), start + together)} of {len(rows)} measured", flush=True)


def add_rows(measured: Callable[[Key], Row], keys: Sequence[Key], path: Path, *, together: int) -> None:
    """Measure each key on all cores, add its row to the file, and say how far it is after so many of them."""
    for start in range(0, len(keys), together):
        found = on_all_cores(measured, keys[start : start + together], device="cpu")
        with path.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in found)
        print(f"{start + len(found)} of {len(keys)} measured", flush=True)
