"""Gradients shatter with depth, and shortcuts hold them together (Balduzzi et al. 2017, arXiv:1702.08591).

The derivative of a shallow network along a line of inputs looks like brown noise: near inputs have near
gradients. That of a deep plain network looks like white noise: a step to the next input says nothing about the
gradient there. That of a deep residual network stays brown.

The book's notebook 11.1 finds no shattering, because it centres nothing. The spread of its units over the inputs
halves with each layer while their biases stay, so at 24 layers no unit switches on the whole line, and where no
unit switches a network is straight and its gradient constant. Each unit's mean over the inputs must be taken out
before the ReLU, by a batch norm or by hand; then half of the units are on at each input, other ones at each.

Traps: differentiating through the batch statistics, all-zero biases with a single input, an autocorrelation
without its mean removed, and too few seeds: one network's lag 1 is off by 0.1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar, final

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from residua.lab import theory
from residua.lab.claim import Check, Claim, Table
from residua.lab.fully_connected import WIDTH, notebook, plain, residual
from residua.lab.seeds import seeded, spread
from residua.look import (
    autocorrelation,
    brown_noise,
    gradient_correlation,
    line_gradients,
    switching,
    white_noise,
)
from residua.report.drawing import FIFTH, FOURTH, INK, PLAIN, RESIDUAL, THIRD, panels

POINTS = 256
REACH = 2.0
LAGS = 15
SAMPLES = 128

# Depth counts the hidden layers of a plain network and the blocks of a residual one.
SET_UPS: dict[str, Callable[[], nn.Module]] = {
    "notebook 24": lambda: notebook(24),
    "plain 1": lambda: plain(1, "none"),
    "plain 24, as it is": lambda: plain(24, "none"),
    "plain 6, centred": lambda: plain(6, "mean"),
    "plain 24, centred": lambda: plain(24, "mean"),
    "plain 50, centred": lambda: plain(50, "mean"),
    "plain 24, BN": lambda: plain(24, "batch"),
    "residual 50, no norm": lambda: residual(50, "none"),
    "residual 50, BN": lambda: residual(50, "batch"),
    "residual 24, BN, beta 0.1": lambda: residual(24, "batch", beta=0.1),
    "residual 50, BN, beta 0.1": lambda: residual(50, "batch", beta=0.1),
}
QUICK = ("notebook 24", "plain 1", "plain 24, centred", "residual 50, BN, beta 0.1")
SHALLOW, DEEP, DEEP_RESIDUAL = QUICK[1:]
COLOURS = {QUICK[0]: FOURTH, SHALLOW: THIRD, DEEP: PLAIN, DEEP_RESIDUAL: RESIDUAL}
LABELS = {
    QUICK[0]: "plain 24, notebook",
    SHALLOW: "plain 1",
    DEEP: "plain 24, centred",
    DEEP_RESIDUAL: "residual 50, BN",
}

LAWS: dict[str, tuple[Callable[[int], nn.Module], Callable[[int], float]]] = {
    "plain": (lambda depth: plain(depth, "mean", inputs=WIDTH), theory.gradients_of_plain),
    "residual": (lambda depth: residual(depth, "mean", inputs=WIDTH), theory.gradients_of_residual),
    "residual with batch norm": (
        lambda depth: residual(depth, "batch", inputs=WIDTH),
        theory.gradients_of_normed,
    ),
}


@final
@dataclass(frozen=True, slots=True)
class LineRow:
    """The derivative of one kind of network along a line: means over the seeds, and a deviation.

    Attributes:
        network: the set-up, or a kind of noise.
        autocorrelation: from lag 0 on, in points of the line, the mean removed.
        lag1_deviation: over the seeds.
        switching: share of the last ReLU's units that switch anywhere on the line; None for noise.
        example: the derivative of the first seed, at each point of the line.
    """

    network: str
    autocorrelation: tuple[float, ...]
    lag1_deviation: float
    switching: float | None
    example: tuple[float, ...]


@final
@dataclass(frozen=True, slots=True)
class LawRow:
    """The correlation of the gradients at two independent inputs, and what theory says."""

    network: str
    depth: int
    correlation: float
    deviation: float
    expected: float


@final
@dataclass(frozen=True)
class Shattering(Claim):
    """Whether the gradients of deep networks shatter, and those of residual ones do not."""

    rows: tuple[LineRow, ...]
    laws: tuple[LawRow, ...]
    seeds: int

    name: ClassVar[str] = "shattering"
    title: ClassVar[str] = "The gradients of deep plain networks shatter; shortcuts hold them together"
    size: ClassVar[tuple[float, float]] = (12, 4.4)

    @property
    def checks(self) -> tuple[Check, ...]:
        seen, deep, held = self.of(QUICK[0]), self.of(DEEP), self.of(DEEP_RESIDUAL)
        return (
            Check("plain 24, centred: size of lag 1", abs(deep.autocorrelation[1]), at_most=0.1),
            Check("residual 50, BN, beta 0.1: lag 1", held.autocorrelation[1], at_least=0.85),
            Check("notebook 24: lag 1", seen.autocorrelation[1], at_least=0.95),
            Check("notebook 24: units that switch, %", 100 * (seen.switching or 0), at_most=2),
            Check("plain 24, centred: units that switch, %", 100 * (deep.switching or 0), at_least=95),
            *(Check(f"{law}: largest distance from its law", self.miss(law), at_most=0.03) for law in LAWS),
        )

    @property
    def finding(self) -> str:
        lags = [self.of(name).autocorrelation[1] for name in (DEEP, DEEP_RESIDUAL)]
        moving = [100 * (self.of(name).switching or 0) for name in (QUICK[0], DEEP)]
        return (
            f"neighbouring gradients of plain-24 have correlation {lags[0]:.2f}, those of residual-50 {lags[1]:.2f}; "
            f"the notebook sees nothing because {moving[0]:.1f} % of its units switch, where {moving[1]:.0f} % do "
            "once they are centred"
        )

    def of(self, network: str) -> LineRow:
        """Return the row of one set-up."""
        return next(row for row in self.rows if row.network == network)

    def miss(self, law: str) -> float:
        """Return the largest distance of one kind of network from its law."""
        return max(abs(row.correlation - row.expected) for row in self.laws if row.network == law)

    def table(self) -> Table:
        columns = ("network", "lag 1", "lag 4", "lag 8", "switching, %")
        return Table(columns, tuple(line(row) for row in self.rows))

    def draw(self, figure: Figure) -> None:
        along, memory, laws = panels(
            figure,
            "The derivative along a line",
            "What it knows of its neighbour",
            "Between independent inputs",
        )
        self.draw_lines(along)
        self.draw_memory(memory)
        self.draw_laws(laws)

    def draw_lines(self, axis: Axes) -> None:
        """Draw one derivative of each kind, one below the other, at the same height."""
        shown = ("white noise", DEEP, DEEP_RESIDUAL, SHALLOW, "brown noise")
        positions = torch.linspace(-REACH, REACH, POINTS).tolist()
        for place, name in enumerate(shown):
            values = self.of(name).example
            middle, size = fmean(values), max(abs(value - fmean(values)) for value in values) or 1
            curve = [0.42 * (value - middle) / size - place for value in values]
            axis.plot(positions, curve, color=COLOURS.get(name, INK), linewidth=1)
        axis.set_yticks(
            [-place for place in range(len(shown))],
            [LABELS.get(name, name).replace(", ", ",\n") for name in shown],
        )
        axis.grid(visible=False)
        axis.set(xlabel="input", xlim=(-REACH, REACH))
        axis.spines["left"].set_visible(False)

    def draw_memory(self, axis: Axes) -> None:
        """Draw the autocorrelation over the lag."""
        for name in ("white noise", "brown noise"):
            axis.plot(self.of(name).autocorrelation, ":", color=INK, linewidth=1.5, label=name)
        for name in QUICK:
            axis.plot(self.of(name).autocorrelation, color=COLOURS[name], label=LABELS[name])
        axis.set(
            xlabel="lag, points of 256 in [-2, 2]", ylabel="autocorrelation of dy/dx", ylim=(-0.15, 1.05)
        )
        axis.set_xticks(range(0, LAGS + 1, 5))
        axis.legend(fontsize=7.5, ncols=2, loc="lower left", bbox_to_anchor=(0.06, 0.13), columnspacing=1)

    def draw_laws(self, axis: Axes) -> None:
        """Draw the correlation over depth, theory as lines."""
        laws = {"plain": "$2^{-L}$", "residual": "$(3/4)^L$", "residual with batch norm": "corrected law"}
        styles = zip(laws.items(), (PLAIN, FIFTH, RESIDUAL), "o^s", strict=True)
        for (name, law), colour, marker in styles:
            rows = [row for row in self.laws if row.network == name and row.expected > 1e-3]
            depths = [row.depth for row in rows]
            axis.plot(depths, [row.expected for row in rows], "--", color=colour, linewidth=1.3)
            axis.plot(depths, [row.correlation for row in rows], marker, color=colour, label=f"{name}: {law}")
        axis.plot([], "--", color=INK, label="theory")
        axis.set_xscale("log", base=2)
        axis.set_xticks([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"])
        axis.set(xlabel="depth L, layers or blocks", ylabel="correlation of gradients", ylim=(-0.05, 1))
        axis.legend(fontsize=8)


def shattering(*, seeds: int = 20, quick: bool = False, device: str = "cpu") -> Shattering:
    """Measure whether near inputs have near gradients in shallow, deep plain and deep residual networks.

    Args:
        seeds: networks drawn for each set-up; the rows are means over them.
        quick: only the set-ups that the verdict needs, depths to 16, and ten seeds at most.
        device: where to compute, such as "cpu" or "cuda".
    """
    seeds = min(seeds, 10) if quick else seeds
    names = QUICK if quick else tuple(SET_UPS)
    depths = (1, 2, 4, 8, 16) if quick else (1, 2, 4, 8, 16, 32)
    rows = [measured(name, seeds=seeds, device=device) for name in names]
    noises = (("white noise", white_noise), ("brown noise", brown_noise))
    rows += [noisy(name, noise(200, POINTS, torch.Generator().manual_seed(0))) for name, noise in noises]
    laws = [correlated(law, depth, seeds=seeds, device=device) for law in LAWS for depth in depths]
    return Shattering(tuple(rows), tuple(laws), seeds)


def measured(network: str, *, seeds: int, device: str) -> LineRow:
    """Return the row of one set-up."""
    positions = torch.linspace(-REACH, REACH, POINTS, device=device)
    curves, shares = [], []
    for seed in range(seeds):
        with seeded(seed):
            model = SET_UPS[network]().to(device)
        start, direction = torch.zeros(1, device=device), torch.ones(1, device=device)
        curves.append(line_gradients(model, positions, start=start, direction=direction))
        shares.append(switching(model, positions[:, None])[-1].share)
    return summary(network, torch.stack(curves).cpu(), fmean(shares))


def noisy(kind: str, curves: Tensor) -> LineRow:
    """Return the row of a kind of noise."""
    return summary(kind, curves, None)


def summary(network: str, curves: Tensor, share: float | None) -> LineRow:
    """Return a row from the curves of all seeds."""
    found = autocorrelation(curves.double(), LAGS)
    deviation = spread(found[:, 1].tolist())
    return LineRow(network, tuple(found.mean(0).tolist()), deviation, share, tuple(curves[0].tolist()))


def correlated(law: str, depth: int, *, seeds: int, device: str) -> LawRow:
    """Return the correlation of gradients at independent Gaussian inputs, and what the law says."""
    make, expected = LAWS[law]
    found = []
    for seed in range(seeds):
        with seeded(seed):
            # He's first layer doubles a variance, and the laws are for a stream that starts at 1.
            model, inputs = make(depth).to(device), torch.randn(SAMPLES, WIDTH).to(device) / math.sqrt(2)
        found.append(gradient_correlation(model, inputs))
    return LawRow(law, depth, fmean(found), spread(found), expected(depth))


def line(row: LineRow) -> tuple[str, ...]:
    """Return a row as text."""
    first, fourth, eighth = (row.autocorrelation[lag] for lag in (1, 4, 8))
    share = "" if row.switching is None else f"{100 * row.switching:.1f}"
    return row.network, f"{first:.3f} ± {row.lag1_deviation:.3f}", f"{fourth:.3f}", f"{eighth:.3f}", share
