"""What every claim gives back: rows, checks against what must come out, a verdict and a figure."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar, final

import msgspec
from markupsafe import Markup
from matplotlib.figure import Figure

from residua.report.drawing import drawn, svg


@final
@dataclass(frozen=True, slots=True)
class Check:
    """One number that the claim stands or falls with.

    Attributes:
        quantity: what is measured, with its unit, such as "train error of plain-56, %".
        measured: a mean over the seeds.
        at_least: it holds when the number is this or more.
        at_most: it holds when the number is this or less.

    >>> Check("lag 1", 0.02, at_most=0.1).required
    'at most 0.1'
    """

    quantity: str
    measured: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the number is within its bounds; one that is not a number never is."""
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return low <= self.measured <= high

    @property
    def required(self) -> str:
        """The bounds in words."""
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{words} {number(bound)}" for words, bound in bounds if bound is not None)


@final
@dataclass(frozen=True, slots=True)
class Table:
    """A small table of text: one heading and one cell a column."""

    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]

    def html(self) -> Markup:
        """Return the table for inside a page, where it scrolls if it is too wide."""
        head = Markup().join(Markup('<th scope="col">{}</th>').format(column) for column in self.columns)
        body = Markup().join(
            Markup("<tr>{}</tr>").format(Markup().join(Markup("<td>{}</td>").format(cell) for cell in line))
            for line in self.lines
        )
        table = '<table class="numbers"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
        return Markup(f'<div class="scroll" tabindex="0">{table}</div>').format(head, body)


class Claim(ABC):
    """The measured answer to one claim of the theory; each one is a frozen dataclass with `rows` and more.

    Attributes:
        name: what it is called on the command line.
        title: what the chapter says, in one sentence.
        size: of the figure, width and height in inches.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    size: ClassVar[tuple[float, float]] = (10, 4)

    @property
    @abstractmethod
    def checks(self) -> tuple[Check, ...]:
        """The numbers that must come out, beside those that did."""

    @property
    @abstractmethod
    def finding(self) -> str:
        """One clause with the numbers, which follows "holds:" or "does not hold:"."""

    @abstractmethod
    def table(self) -> Table:
        """Return the few numbers that a reader wants to see."""

    @abstractmethod
    def draw(self, figure: Figure) -> None:
        """Draw the figure on an empty one."""

    @final
    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)

    @final
    @property
    def verdict(self) -> str:
        """One sentence: whether it holds, and the numbers that say so."""
        missed = "; ".join(
            f"{check.quantity} is {number(check.measured)} and must be {check.required}"
            for check in self.checks
            if not check.holds
        )
        return f"does not hold: {self.finding} ({missed})" if missed else f"holds: {self.finding}"

    @final
    def plot(self) -> Figure:
        """Return the figure; `save` of `residua.report.drawing` writes it as SVG or PNG."""
        return drawn(self.draw, self.size)

    @final
    def json(self) -> bytes:
        """Return the claim as JSON: everything measured, the checks and the verdict."""
        assert is_dataclass(self)
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        checks = [
            {"quantity": c.quantity, "measured": c.measured, "required": c.required, "holds": c.holds}
            for c in self.checks
        ]
        answer = {"claim": self.name, "title": self.title, "holds": self.holds, "verdict": self.verdict}
        return msgspec.json.format(msgspec.json.encode(answer | {"checks": checks} | kept), indent=2)

    @final
    def _repr_html_(self) -> str:
        """The view of a notebook: verdict, figure and tables."""
        return str(Markup("<h3>{}</h3>{}").format(self.title, self.html()))

    @final
    def html(self) -> Markup:
        """Return verdict, figure, checks and table for inside a page."""
        checks = Table(
            ("what must come out", "required", "measured", ""),
            tuple(
                (c.quantity, c.required, number(c.measured), "holds" if c.holds else "does not hold")
                for c in self.checks
            ),
        )
        return Markup("<p><b>{}</b></p>{}{}{}").format(
            self.verdict, svg(self.plot(), self.name, words=self.verdict), checks.html(), self.table().html()
        )


def number(value: float) -> str:
    """Write a number with what digits it needs: three that count, and no more.

    >>> number(0.02), number(43.41), number(1347), number(5.1e-16)
    ('0.02', '43.4', '1347', '5.1e-16')
    """
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
