"""Habits of the house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import FILES, ROOT, kept_files, parsed, where

# Code that does what it happens to find; a type or a protocol says it instead.
GUESSES = {"eval", "exec", "hasattr"}
TEXT = {"", ".cff", ".css", ".html", ".js", ".json", ".md", ".py", ".toml", ".txt", ".yml"}
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:home|root|Users|work|workspace)/\w")
# What runs code that came from elsewhere, or writes where an archive says.
LETTING_IN = re.compile(
    r"trust_remote_code|torch\.hub\.|weights_only=False|pickle\.loads?\(|joblib\.load|extractall|unpack_archive"
)
ISSUE_NUMBER = re.compile(r"(?i)\b(?:issue|ticket|session) #?\d+\b")


def lines(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        yield f"{path.relative_to(ROOT)}:{number}", line


def saying(pattern: re.Pattern[str]) -> list[str]:
    texts = [path for path in kept_files() if path.suffix in TEXT]
    return [place for path in texts for place, line in lines(path) if pattern.search(line)]


def test_nothing_is_left_for_later() -> None:
    assert saying(UNFINISHED) == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    assert saying(MACHINE_PATH) == []


def test_the_project_speaks_of_itself_alone() -> None:
    assert saying(ISSUE_NUMBER) == []


def test_nothing_is_let_in() -> None:
    assert [place for path in FILES for place, line in lines(path) if LETTING_IN.search(line)] == []


def guesses(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        match node:
            case ast.Call(func=ast.Name("hasattr"), args=[ast.Name("os" | "signal"), *_]):
                pass  # what this platform offers is not known before
            case ast.Call(func=ast.Name(name)) if name in GUESSES:
                yield where(path, node)


def test_types_are_said_and_not_guessed() -> None:
    assert [place for path in FILES for place in guesses(path)] == []


def test_annotations_are_read_when_the_code_is() -> None:
    """Shapes are checked from annotations, which a `from __future__` import would turn into text."""
    futures = [
        where(path, node)
        for path in FILES
        for node in parsed(path).body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    assert futures == []
