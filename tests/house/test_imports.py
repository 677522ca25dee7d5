"""What the package imports: what it declares, an extra in one place, and torch only when there is work."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import FILES, ROOT, SOURCE, parsed

IMPORTED_AS = {"pillow": "PIL", "scikit-learn": "sklearn"}
PART_OF = {"markupsafe": "jinja2", "starlette": "fastapi"}  # their types are in the interface of the other
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    """Return the names under which requirements are imported."""
    packages = [re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in requirements]
    return {IMPORTED_AS.get(package, package.replace("-", "_")) for package in packages}


def imports(path: Path) -> Iterator[str]:
    """Walk the packages of other projects that a file imports."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found = [node.module or ""]
        else:
            continue
        others = {name.split(".")[0] for name in found} - set(sys.stdlib_module_names) - {"residua"}
        yield from {PART_OF.get(name, name) for name in others}


def importers() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in FILES:
        for package in imports(path):
            found[package].add(path.relative_to(SOURCE).as_posix())
    return found


def extras() -> set[str]:
    optional = PROJECT["optional-dependencies"].items()
    return names(
        [package for extra, packages in optional if extra not in ("dev", "fuzz") for package in packages]
    )


def test_only_what_is_declared_is_imported() -> None:
    assert sorted(set(importers()) - names(PROJECT["dependencies"]) - extras()) == []


def test_what_is_declared_is_imported() -> None:
    assert sorted((names(PROJECT["dependencies"]) | extras()) - set(importers())) == []


def test_an_extra_is_imported_in_one_place() -> None:
    assert {
        package: files for package, files in importers().items() if package in extras() and len(files) > 1
    } == {}


def test_help_does_not_wait_for_torch() -> None:
    """`residua --help` answers without the libraries that take seconds to import."""
    program = """
import sys
from residua.cli.app import main
sys.argv = ["residua", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("imported:", *sorted({"torch", "sklearn", "matplotlib", "numpy"} & set(sys.modules)))
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "Usage" in answer.stdout
    assert answer.stdout.splitlines()[-1].strip() == "imported:"
