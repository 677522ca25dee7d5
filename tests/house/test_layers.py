"""The rows of the architecture page are the contract that `lint-imports` proves."""

import re
import tomllib

from tests.house.tree import ROOT, SOURCE

ROW = re.compile(r"^\| \d+ \| (?P<folders>[^|]+) \|", re.MULTILINE)


def documented() -> list[set[str]]:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return [set(re.findall(r"`(\w+)/?`", row["folders"])) for row in ROW.finditer(page)]


def contracted() -> list[set[str]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    return [set(re.findall(r"\w+", layer)) for layer in reversed(layers)]


def test_the_page_and_the_contract_have_the_same_rows() -> None:
    assert documented() == contracted()


def test_every_folder_is_in_a_row() -> None:
    folders = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set.union(*documented())
