"""Sums double the variance, and batch norm tames it (He et al. 2015; De & Smith 2020, arXiv:2002.10444).

A branch with He's weights gives back the second moment that it gets, so each add doubles it: 2^k. With a
batch norm at its start a branch gives 1 whatever comes, so the second moment grows by 1 each time: k + 1.

A notebook that prints the variance of each unit over the batch sees 1.68 on the first add, not 2. That is
no error: relu leaves every unit a mean that all samples share, and the mean is in the second moment and not
in the variance. Theory has 2 - 1/pi = 1.682 for the first add, and 1 - 1/pi more each time with batch norm.

The networks are wide because what they share is not averaged out by more samples: after six adds without a
norm the second moment of one network of width 256 is off by 15 %.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import ClassVar, Literal, final

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from residua.lab import theory
from residua.lab.claim import Check, Claim, Table
from residua.lab.seeds import seeded, spread
from residua.look import signal
from residua.parts import Chain, Join, Sum
from residua.report.drawing import FIFTH, INK, PLAIN, RESIDUAL, panels

Layer = Literal["linear", "circular", "zeros"]
ADDS = 6
SIDE = 8
WIDTH = 2048
CHANNELS = 128
SAMPLES = 256
NAMES: dict[Layer, str] = {
    "linear": "fully connected",
    "circular": "conv, circular padding",
    "zeros": "conv, zero padding",
}
SHORT: dict[Layer, str] = {"linear": "linear", "circular": "conv, circular", "zeros": "conv, zeros"}
"""In the table, which is as wide as a terminal."""


@final
@dataclass(frozen=True, slots=True)
class VarianceRow:
    """After so many adds: what was measured, a mean and a deviation over the seeds, and what theory says."""

    layer: Layer
    norm: bool
    adds: int
    second_moment: float
    second_moment_deviation: float
    expected_second_moment: float
    unit_variance: float
    unit_variance_deviation: float
    expected_unit_variance: float


@final
@dataclass(frozen=True)
class Variance(Claim):
    """How second moment and batch variance grow through residual adds."""

    rows: tuple[VarianceRow, ...]
    seeds: int

    name: ClassVar[str] = "variance"
    title: ClassVar[str] = "Every residual add doubles the variance; batch norm makes it grow by one"
    size: ClassVar[tuple[float, float]] = (10, 3.9)

    @property
    def checks(self) -> tuple[Check, ...]:
        plain, normed = self.after("linear", norm=False), self.after("linear", norm=True)
        circular, zeros = self.after("circular")[:2], self.after("zeros")[:2]
        return (
            Check("fully connected, no norm: largest distance from 2^k, %", miss(plain), at_most=2),
            Check("fully connected, batch norm: largest distance from k + 1, %", miss(normed), at_most=2),
            Check("circular convolution, first add: distance from 2, %", miss(circular), at_most=2),
            Check("zero-padded convolution, first add: distance from 1.84, %", miss(zeros), at_most=2),
            Check(
                "batch variance of a unit, first add: times", first_growth(plain), at_least=1.66, at_most=1.7
            ),
        )

    @property
    def finding(self) -> str:
        plain, normed = self.after("linear", norm=False)[-1], self.after("linear", norm=True)[-1]
        return (
            f"after {plain.adds} adds the second moment is {plain.second_moment:.1f} "
            f"(2^k = {plain.expected_second_moment:.0f}), with batch norm {normed.second_moment:.2f} "
            f"(k + 1 = {normed.expected_second_moment:.0f}); the batch variance of a unit grows by "
            f"{first_growth(self.after('linear')):.3f} on the first add (2 - 1/pi = 1.682)"
        )

    def after(self, layer: Layer, *, norm: bool = False) -> tuple[VarianceRow, ...]:
        """Return the rows of one network, from its input to its last add."""
        return tuple(row for row in self.rows if row.layer == layer and row.norm == norm)

    def table(self) -> Table:
        columns = ("network", "norm", "adds", "moment", "theory", "batch variance", "theory")
        return Table(columns, tuple(line(row) for row in self.rows if row.adds in (1, ADDS)))

    def draw(self, figure: Figure) -> None:
        doubling, growing, apart = panels(
            figure, "Without norm it doubles", "With batch norm: + 1 each", "Why a notebook prints 1.68"
        )
        for (layer, name), colour, marker in zip(NAMES.items(), (RESIDUAL, FIFTH, PLAIN), "ox^", strict=True):
            for axis, norm in ((doubling, False), (growing, True)):
                rows = self.after(layer, norm=norm)
                beside(axis, [row.expected_second_moment for row in rows])
                axis.plot([row.second_moment for row in rows], marker, color=colour, label=name)
        doubling.set_yscale("log", base=2)
        doubling.set_yticks([2.0**k for k in range(ADDS + 1)], [str(2**k) for k in range(ADDS + 1)])
        rows = self.after("linear")
        beside(apart, growths([row.expected_second_moment for row in rows]), first=1)
        beside(apart, growths([row.expected_unit_variance for row in rows]), first=1)
        seen = {"second moment": [row.second_moment for row in rows]}
        seen["batch variance of a unit"] = [row.unit_variance for row in rows]
        for (name, values), colour, marker in zip(seen.items(), (RESIDUAL, FIFTH), "oD", strict=True):
            apart.plot(range(1, ADDS + 1), growths(values), marker, color=colour, label=name)
        apart.set(ylim=(1.5, 2.1), xlim=(0.7, ADDS + 0.3), ylabel="growth at this add, times")
        for axis in (doubling, growing):
            axis.set_ylabel("second moment (input: 1)")
        for axis in (doubling, growing, apart):
            axis.set_xlabel("residual adds")
            axis.plot([], "--", color=INK, label="theory")
            axis.legend()


def variance(*, seeds: int = 20, quick: bool = False, device: str = "cpu") -> Variance:
    """Measure how the signal grows through residual adds, with and without batch norm, beside theory.

    Args:
        seeds: networks drawn for each of the six set-ups; the rows are means over them.
        quick: four seeds at most.
        device: where to compute, such as "cpu" or "cuda".
    """
    seeds = min(seeds, 4) if quick else seeds
    rows: list[VarianceRow] = []
    for layer in NAMES:
        for norm in (False, True):
            rows.extend(measured(layer, norm=norm, seeds=seeds, device=device))
    return Variance(tuple(rows), seeds)


def measured(layer: Layer, *, norm: bool, seeds: int, device: str) -> Iterator[VarianceRow]:
    """Walk the rows of one set-up: mean and deviation over the seeds after each add."""
    runs = [growth(layer, norm=norm, seed=seed, device=device) for seed in range(seeds)]
    kernel = 1 if layer == "linear" else 3
    taps = theory.shifts(1 if layer == "linear" else SIDE, kernel=kernel, circular=layer == "circular")
    for count, expected in enumerate(theory.adds(ADDS, taps=taps, norm=norm)):
        moments, variances = zip(*(run[count] for run in runs), strict=True)
        yield VarianceRow(
            layer,
            norm,
            count,
            fmean(moments),
            spread(moments),
            expected.second_moment,
            fmean(variances),
            spread(variances),
            expected.unit_variance,
        )


def growth(layer: Layer, *, norm: bool, seed: int, device: str) -> list[tuple[float, float]]:
    """Return second moment and batch variance of one network's input and of what leaves each of its adds."""
    with seeded(seed):
        network = nn.Sequential(*(Sum(branch(layer, norm=norm)) for _ in range(ADDS))).to(device)
        size = (SAMPLES, WIDTH) if layer == "linear" else (SAMPLES // 8, CHANNELS, SIDE, SIDE)
        inputs = torch.randn(size).to(device)
    rows = (*signal(nn.Identity(), inputs), *signal(network, inputs, only=Join))
    return [(row.second_moment, row.unit_variance) for row in rows]


def branch(layer: Layer, *, norm: bool) -> Chain:
    """Return (norm,) ReLU and one layer with He's weights and no bias."""
    parts: dict[str, nn.Module] = {}
    if norm:
        parts["norm"] = nn.BatchNorm1d(WIDTH) if layer == "linear" else nn.BatchNorm2d(CHANNELS)
    parts["relu"] = nn.ReLU()
    if layer == "linear":
        parts["linear"] = nn.Linear(WIDTH, WIDTH, bias=False)
    else:
        parts["conv"] = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False, padding_mode=layer)
    chain = Chain(**parts)
    nn.init.kaiming_normal_(chain[len(chain) - 1].get_parameter("weight"))
    return chain


def miss(rows: tuple[VarianceRow, ...]) -> float:
    """Return the largest distance of the second moment from theory, in percent of it."""
    return max(100 * abs(row.second_moment / row.expected_second_moment - 1) for row in rows)


def first_growth(rows: tuple[VarianceRow, ...]) -> float:
    """Return how many times the batch variance of a unit grows on the first add."""
    return rows[1].unit_variance / rows[0].unit_variance


def growths(values: Sequence[float]) -> list[float]:
    """Return each value over the one before.

    >>> growths([1, 2, 6])
    [2.0, 3.0]
    """
    return [later / earlier for earlier, later in pairwise(values)]


def beside(axis: Axes, values: Sequence[float], *, first: int = 0) -> None:
    """Draw what theory says after each add from the `first`, in the colour of the text."""
    axis.plot(range(first, first + len(values)), values, "--", color=INK, linewidth=1.2, zorder=1)


def line(row: VarianceRow) -> tuple[str, ...]:
    """Return a row as text."""
    moment = f"{row.second_moment:.2f} ± {row.second_moment_deviation:.2f}"
    unit = f"{row.unit_variance:.2f} ± {row.unit_variance_deviation:.2f}"
    expected = f"{row.expected_second_moment:.2f}", f"{row.expected_unit_variance:.2f}"
    norm = "batch" if row.norm else "none"
    return SHORT[row.layer], norm, str(row.adds), moment, expected[0], unit, expected[1]
