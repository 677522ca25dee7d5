"""Files and functions stay short enough to be read at once; ruff counts the arguments."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import FILES, SOURCE, parsed

FILE_LINES = 330
FUNCTION_LINES = 50  # without the docstring

LONGER: dict[str, str] = {
    # "folder/file.py" or "folder/file.py:function": the reason
}


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def longer(path: Path) -> Iterator[tuple[str, int]]:
    """Walk what is over the limit in one file."""
    name = path.relative_to(SOURCE).as_posix()
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > FILE_LINES:
        yield name, lines
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length(node) > FUNCTION_LINES:
            yield f"{name}:{node.name}", length(node)


def test_nothing_is_longer_without_a_reason() -> None:
    found = dict(entry for path in FILES for entry in longer(path))
    assert {name: lines for name, lines in found.items() if name not in LONGER} == {}


def test_every_exception_is_still_needed() -> None:
    found = dict(entry for path in FILES for entry in longer(path))
    assert sorted(set(LONGER) - set(found)) == []
