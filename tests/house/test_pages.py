"""What the pages show is true: examples run, verbs and options exist, files are where they are said to be."""

import doctest
import re
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from residua.cli.app import app
from tests.house.tree import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLE = re.compile(r"^```pycon\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"\bresidua ([a-z]+)((?: [^\n`#|]+)?)")
OPTION = re.compile(r"(?<=\s)--(?!help)[a-z][a-z-]+")
OUR_FILE = re.compile(r"`((?:docs|scripts|src|tests|benchmarks)/[\w./-]+)`")
CODE = re.compile(r"^(?: {4}|```).*|`[^`\n]+`", re.MULTILINE)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def titled(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def help_of(verb: str) -> str:
    """Return what `residua VERB --help` prints; empty when there is no such verb."""
    if verb not in app:
        return ""
    console = Console(file=StringIO(), width=200, record=True)
    app.help_print([verb], console=console)
    return console.export_text()


def commands() -> list[tuple[str, str, str]]:
    """Return page, verb and the rest of every command that a page shows as code."""
    pieces = [(titled(page), piece) for page in PAGES for piece in CODE.findall(text(page))]
    return [(page, *found) for page, piece in pieces for found in COMMAND.findall(piece)]


@pytest.mark.parametrize("page", [page for page in PAGES if EXAMPLE.search(text(page))], ids=titled)
def test_examples_run(page: Path) -> None:
    source = "\n".join(EXAMPLE.findall(text(page)))
    test = doctest.DocTestParser().get_doctest(source, {}, titled(page), str(page), 0)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    said: list[str] = []
    doctest.DocTestRunner(optionflags=flags).run(test, out=said.append)
    assert said == []


def test_verbs_exist() -> None:
    shown = sorted({(page, verb) for page, verb, _ in commands() if not help_of(verb)})
    assert shown == []


def test_options_exist() -> None:
    shown = {(page, verb, option) for page, verb, rest in commands() for option in OPTION.findall(rest)}
    assert sorted((page, verb, option) for page, verb, option in shown if option not in help_of(verb)) == []


@pytest.mark.parametrize("page", PAGES, ids=titled)
def test_files_are_there(page: Path) -> None:
    assert [name for name in OUR_FILE.findall(text(page)) if not (ROOT / name).exists()] == []
