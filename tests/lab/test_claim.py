"""What all claims give back: a verdict that follows from the checks, JSON, a figure, a notebook's view."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import pytest
from matplotlib.figure import Figure

from residua.lab.claim import Check, Claim, Table, number
from residua.report.drawing import INK, panels, save, svg


@final
@dataclass(frozen=True, slots=True)
class HeightRow:
    height: float


@final
@dataclass(frozen=True)
class Height(Claim):
    rows: tuple[HeightRow, ...]
    seeds: int

    name: ClassVar[str] = "height"
    title: ClassVar[str] = "Towers are <tall>"

    @property
    def checks(self) -> tuple[Check, ...]:
        return (Check("height, m", self.rows[0].height, at_least=10, at_most=20),)

    @property
    def finding(self) -> str:
        return f"the tower is {self.rows[0].height:g} m high"

    def table(self) -> Table:
        return Table(("tower", "m"), (("<first>", f"{self.rows[0].height:g}"),))

    def draw(self, figure: Figure) -> None:
        (axis,) = panels(figure, "One tower")
        axis.bar([0], [self.rows[0].height])


def test_a_claim_holds_when_its_checks_do() -> None:
    result = Height((HeightRow(12.0),), seeds=1)
    assert result.holds
    assert result.verdict == "holds: the tower is 12 m high"


@pytest.mark.parametrize("height", [9.9, 20.1, float("nan")])
def test_a_number_out_of_bounds_is_named(height: float) -> None:
    result = Height((HeightRow(height),), seeds=1)
    assert not result.holds
    assert result.verdict.endswith(f"(height, m is {number(height)} and must be at least 10 and at most 20)")


def test_json_has_all_that_was_measured() -> None:
    answer = json.loads(Height((HeightRow(12.0),), seeds=3).json())
    assert answer["rows"] == [{"height": 12.0}]
    assert answer["seeds"] == 3
    assert answer["holds"] is True
    assert answer["checks"][0]["required"] == "at least 10 and at most 20"


def test_a_figure_has_no_ground_and_is_the_same_each_time(tmp_path: Path) -> None:
    result = Height((HeightRow(12.0),), seeds=1)
    for name in ("height.svg", "height.png"):
        save(result.plot(), tmp_path / name)
        first = (tmp_path / name).read_bytes()
        save(result.plot(), tmp_path / name)
        assert (tmp_path / name).read_bytes() == first
    assert result.plot().get_facecolor()[3] == 0


def test_in_a_page_the_ink_is_the_colour_of_the_text() -> None:
    drawing = svg(Height((HeightRow(12.0),), seeds=1).plot(), "height", words='"tall" <tower>')
    assert "currentColor" in drawing
    assert INK.lower() not in drawing
    assert 'aria-label="&#34;tall&#34; &lt;tower&gt;"' in drawing
    assert " width=" not in drawing[: drawing.index("viewBox")]


def test_a_notebook_sees_the_verdict_and_escaped_text() -> None:
    view = Height((HeightRow(12.0),), seeds=1)._repr_html_()
    assert "Towers are &lt;tall&gt;" in view
    assert "&lt;first&gt;" in view
    assert "holds: the tower is 12 m high" in view
    assert "<svg" in view
