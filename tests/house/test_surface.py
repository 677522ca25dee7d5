"""Public names are listed once and are really there; ruff keeps each list sorted."""

import ast
import importlib

import pytest

from tests.house.tree import SOURCE, parsed

FOLDERS = sorted(path.parent for path in SOURCE.rglob("__init__.py"))
PACKAGES = [".".join(folder.relative_to(SOURCE.parent).parts) for folder in FOLDERS]


def listed(package: str) -> list[str]:
    return list(getattr(importlib.import_module(package), "__all__", []))


def taken_in(package: str) -> set[str]:
    """Return the public names that a package imports from its own modules."""
    tree = parsed(SOURCE.parent.joinpath(*package.split("."), "__init__.py"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    own = [alias for node in imports if (node.module or "").startswith("residua") for alias in node.names]
    return {alias.asname or alias.name for alias in own if not (alias.asname or alias.name).startswith("_")}


@pytest.mark.parametrize("package", PACKAGES)
def test_listed_names_are_there_once(package: str) -> None:
    names = listed(package)
    assert len(names) == len(set(names))
    assert [name for name in names if getattr(importlib.import_module(package), name, None) is None] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_takes_in_it_lists(package: str) -> None:
    assert sorted(taken_in(package) - set(listed(package))) == []


def test_a_name_means_one_thing() -> None:
    meanings: dict[str, set[int]] = {}
    for package in PACKAGES:
        for name in listed(package):
            meanings.setdefault(name, set()).add(id(getattr(importlib.import_module(package), name)))
    assert [name for name, things in meanings.items() if len(things) > 1] == []
