"""What the rows say: when each side is how accurate, in words and as curves."""

import statistics
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MultipleLocator, NullLocator

from residua.report.drawing import FOURTH, INK, PLAIN, RESIDUAL, THIRD, drawn, save

NAMES: Final = {
    "residua": ("Residua, --recipe fast", RESIDUAL),
    "airbench_narrow": ("airbench94, narrow", PLAIN),
    "airbench_full": ("airbench94", THIRD),
    "resnet20": ("ResNet-20, step schedule", FOURTH),
}
TICKS: Final = (10, 20, 30, 60, 120, 300, 600, 1_200, 3_000)
Row = dict[str, Any]


def points(rows: Sequence[Row], side: str, clock: str) -> list[tuple[float, float, float, float]]:
    """Return the curve of a side: mean seconds, and mean, lowest and highest accuracy, for each length of training."""
    found = []
    for epochs in sorted({row["epochs"] for row in rows if row["side"] == side}):
        same = [row for row in rows if (row["side"], row["epochs"]) == (side, epochs)]
        right = [row["plain"] for row in same]
        found.append(
            (statistics.mean(row[clock] for row in same), statistics.mean(right), min(right), max(right))
        )
    return found


def seconds_to(curve: Sequence[tuple[float, ...]], accuracy: float) -> float | None:
    """Return when a curve reaches an accuracy, on the line between two of its points; None where it does not.

    >>> seconds_to([(10, 0.7, 0.7, 0.7), (20, 0.9, 0.9, 0.9)], 0.8)
    15.0
    """
    if curve and curve[0][1] >= accuracy:
        return curve[0][0]
    for (early, low, *_), (late, high, *_) in pairwise(curve):
        if low < accuracy <= high:
            return round(early + (late - early) * (accuracy - low) / (high - low), 1)
    return None


def times_to(rows: Sequence[Row], reached: Sequence[float]) -> Iterator[str]:
    """Give a line for each side and clock: the seconds to each accuracy."""
    for side, (name, _) in NAMES.items():
        for clock, words in (("seconds", "seconds"), ("cpu", "seconds of processors")):
            curve = points(rows, side, clock)
            if not curve:
                continue
            times = [seconds_to(curve, accuracy) for accuracy in reached]
            said = (
                f"{accuracy:.0%} {'not reached' if seconds is None else f'after {seconds:,.0f}'}"
                for accuracy, seconds in zip(reached, times, strict=True)
            )
            yield f"{name}, {words}: {', '.join(said)}"


def draw(rows: Sequence[Row], reached: Sequence[float], path: Path) -> None:
    """Draw accuracy against seconds, a curve for each side, with the range over the seeds behind it."""

    def fill(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.set_title("CIFAR-10 (JPEG): each point is one training that ends there")
        for side, (name, colour) in NAMES.items():
            curve = points(rows, side, "cpu")
            if not curve:
                continue
            seconds, means, lows, highs = zip(*curve, strict=True)
            axes.plot(seconds, means, color=colour, marker="o", label=name)
            axes.fill_between(seconds, lows, highs, color=colour, alpha=0.2, linewidth=0)
        for accuracy in reached:
            axes.axhline(accuracy, color=INK, linewidth=0.8, linestyle=":")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(TICKS))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlabel("seconds of the processor that training took")
        axes.set_ylabel("test accuracy")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.yaxis.set_major_locator(MultipleLocator(0.05))
        axes.legend(loc="upper left")

    save(drawn(fill, (7.0, 4.5)), path)
