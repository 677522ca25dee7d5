"""The files of the project, as the tests about the house read them."""

import ast
import importlib
import inspect
import pkgutil
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import residua

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "residua"
FILES = sorted(SOURCE.rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    """Return a source file as a tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def where(path: Path, node: ast.expr | ast.stmt) -> str:
    """Return `file:line` as an editor opens it."""
    return f"{path.relative_to(ROOT)}:{node.lineno}"


@cache
def modules() -> tuple[ModuleType, ...]:
    """Import every module of the package; `__main__` runs the program, so it stays out."""
    names = [found.name for found in pkgutil.walk_packages(residua.__path__, "residua.")]
    return (residua, *(importlib.import_module(name) for name in names if not name.endswith("__main__")))


def defined(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Walk the public functions and classes that a module itself defines."""
    for name, member in vars(module).items():
        public = not name.startswith("_") and (inspect.isclass(member) or inspect.isroutine(member))
        if public and member.__module__ == module.__name__:
            yield f"{module.__name__}.{name}", member


def kept_files() -> list[Path]:
    """Return every file that git keeps or would keep; skip the test outside a checkout."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = [git, "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]
