"""Charts as inline SVG: they take the colours of the page, fit any width, and keep their text at its size.

Positions are percentages of the plot, so a chart fits a phone without a script; only the curves are stretched.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, final

from markupsafe import Markup

from residua.report.numbers import SPACE, along, duration, percent, plain
from residua.report.page import fill

Point = tuple[float, float | None]
MOST_STOPS = 120


def short(number: float) -> str:
    """Write a round number, as on an axis.

    >>> short(3.0), short(0.25), short(12500)
    ('3', '0.25', '12,500')
    """
    return f"{number:,.0f}" if number == round(number) else f"{number:.6g}"


@final
@dataclass(frozen=True)
class Unit:
    """How a measured value is written, and how a round one is written on an axis."""

    value: Callable[[float], str]
    tick: Callable[[float], str]


NUMBER = Unit(plain, short)
SHARE = Unit(percent, lambda share: f"{short(round(100 * share, 6))}{SPACE}%")
SECONDS = Unit(duration, lambda seconds: f"{short(seconds)}{SPACE}s")


@final
@dataclass(frozen=True)
class Line:
    """A curve; a point without a finite value breaks it. `faint` lines lie behind and have no reading.

    `said` is which of its values stands in the legend.
    """

    name: str
    points: Sequence[Point]
    style: Literal["main", "second", "faint"] = "main"
    said: Literal["last", "highest"] = "last"


@final
@dataclass(frozen=True)
class Along:
    """What is counted along x, in one word, from 0 to `end`."""

    name: str
    end: float


@final
@dataclass(frozen=True)
class Mark:
    """Something that happened at `x`."""

    x: float
    text: str


@final
@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high` with round numbers on it.

    >>> Scale.around([0.13, 0.96]).ticks
    (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def around(cls, values: Iterable[float], *, steps: int = 4, whole: bool = False) -> "Scale":
        """Return a scale that holds all `values` and starts and ends on a round number.

        Args:
            values: what must fit on it.
            steps: about how many intervals it is cut into.
            whole: whether its ticks must be whole numbers.
        """
        held = list(values) or [0.0, 1.0]
        low, high = min(held), max(held)
        if low == high:
            low, high = min(low, 0.0), max(high, 0.0) if high else 1.0
        step = _round_step((high - low) / steps, whole=whole)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        ticks = tuple(round(index * step, 12) for index in range(first, last + 1))
        return cls(ticks[0], ticks[-1], ticks)

    def ending(self, low: float, high: float) -> "Scale":
        """Return this scale cut to end exactly at `low` and `high`, with the ticks that remain."""
        return Scale(low, high, tuple(tick for tick in self.ticks if low <= tick <= high))

    def share(self, value: float) -> float:
        """Return how far along the axis `value` lies, from 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def _round_step(size: float, *, whole: bool) -> float:
    """The smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is at least about `size`."""
    power = 10.0 ** math.floor(math.log10(size))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= 0.8 * size)
    return max(1.0, float(math.ceil(step))) if whole else step


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    along_x: Along,
    y: Scale,
    unit: Unit = NUMBER,
    marks: Sequence[Mark] = (),
) -> Markup:
    """Return a figure of `lines`.

    Args:
        title: what is measured; it heads the figure.
        lines: at least one of them with a finite point, else the figure is empty.
        along_x: the horizontal axis.
        y: the vertical scale.
        unit: how a value is written.
        marks: what to point out along x.
    """
    kept = [line for line in lines if any(_finite(value) is not None for _, value in line.points)]
    if not kept or along_x.end <= 0:
        return Markup()
    name, end = along_x.name, along_x.end
    x = Scale.around([0.0, end], steps=5, whole=end >= 2).ending(0.0, end)
    read = [line for line in kept if line.style != "faint"]
    values = {
        "title": title,
        "label": f"{title} by {name}. " + "; ".join(_summary(line, name, unit) for line in read or kept),
        "x_name": name,
        "x_ticks": [(along(x.share(tick)), short(tick)) for tick in x.ticks],
        "y_ticks": [(along(1 - y.share(tick)), unit.tick(tick)) for tick in y.ticks],
        "lines": [
            (line, [_path(run, x, y) for run in _runs(line.points)], _said(line, unit)) for line in kept
        ],
        "dots": [dot for line in read if len(line.points) <= 12 for dot in _dots(line, x, y)],
        "marks": [(along(x.share(mark.x)), mark.text) for mark in marks if 0 <= mark.x <= end],
        "stops": _stops(read, name, x, y, unit),
    }
    return fill("line_chart.html", values)


def thin(points: Sequence[Point], most: int = 300) -> list[Point]:
    """Return at most `most` points, each the mean of its neighbours.

    >>> thin([(1, 4.0), (2, 2.0), (3, 1.0), (4, 3.0)], most=2)
    [(2, 3.0), (4, 2.0)]
    """
    size = max(1, math.ceil(len(points) / most))
    thinned: list[Point] = []
    for start in range(0, len(points), size):
        bucket = points[start : start + size]
        finite = [value for _, value in bucket if _finite(value) is not None and value is not None]
        thinned.append((bucket[-1][0], sum(finite) / len(finite) if finite else None))
    return thinned


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _runs(points: Sequence[Point]) -> list[list[tuple[float, float]]]:
    """The stretches of `points` between values that are missing or not finite."""
    groups = groupby(points, key=lambda point: _finite(point[1]) is not None)
    return [[(x, y) for x, y in run if y is not None] for finite, run in groups if finite]


def _path(run: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    """The points of a polyline in a plot of 1000 by 1000."""
    return " ".join(f"{1000 * x.share(at):.1f},{1000 * (1 - y.share(value)):.1f}" for at, value in run)


def _dots(line: Line, x: Scale, y: Scale) -> list[tuple[str, str, str]]:
    finite = [point for run in _runs(line.points) for point in run]
    return [(line.style, along(x.share(at)), along(1 - y.share(value))) for at, value in finite]


def _said(line: Line, unit: Unit) -> str:
    if line.said == "highest":
        return unit.value(max(value for run in _runs(line.points) for _, value in run))
    return _last(line, unit)


def _last(line: Line, unit: Unit) -> str:
    value = _finite(line.points[-1][1])
    return "not finite" if value is None else unit.value(value)


def _summary(line: Line, x_name: str, unit: Unit) -> str:
    at = line.points[-1][0]
    return f"{line.name}: {_last(line, unit)} at {x_name} {short(at)}"


def _stops(lines: Sequence[Line], x_name: str, x: Scale, y: Scale, unit: Unit) -> list[dict[str, object]]:
    """The places where a pointer finds a reading: each x of the lines, or evenly fewer of them."""
    values = [dict(line.points) for line in lines]
    places = sorted({at for points in values for at in points})
    places = places[:: math.ceil(len(places) / MOST_STOPS) or 1]
    stops: list[dict[str, object]] = []
    for index, at in enumerate(places):
        left = 0.0 if index == 0 else (places[index - 1] + at) / 2
        right = x.high if index + 1 == len(places) else (at + places[index + 1]) / 2
        here = [(line, _finite(points.get(at))) for line, points in zip(lines, values, strict=True)]
        seen = [(line, value) for line, value in here if value is not None]
        stops.append(
            {
                "left": along(x.share(left)),
                "width": along(x.share(right) - x.share(left)),
                "at": along(x.share(at)),
                "dots": [(line.style, along(1 - y.share(value))) for line, value in seen],
                "text": f"{x_name} {short(at)}: "
                + ", ".join(f"{line.name} {unit.value(value)}" for line, value in seen),
            }
        )
    return stops
