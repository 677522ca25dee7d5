"""A shortcut is a highway for the gradient (He et al. 2016, arXiv:1603.05027; Veit et al. 2016, arXiv:1605.06431).

In a plain network with batch norm the gradient grows at every layer on its way back: the norm divides by the
deviation that relu left, and its second moment by pi / (pi - 1) = 1.467, which is 1.21 in norm. A residual
block adds to the gradient that the shortcut carries, and its share shrinks as the stream grows, so the growth
is like a power of the depth.

Along the shortcuts alone the gradient comes from the end to every block. All other routes together bring the
rest: at each of n joins the gradient goes one way or the other, and the sum over all 2^n routes is the gradient.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar, final

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from residua.lab import theory
from residua.lab.claim import Check, Claim, Table
from residua.lab.fully_connected import WIDTH, plain, residual
from residua.lab.networks import Join, label, untrained
from residua.lab.samples import samples
from residua.lab.seeds import seeded, spread
from residua.look import Examples, RouteSum, gradient_norms, identity_share, route_sum
from residua.nets.network import Network
from residua.parts import Sum
from residua.report.drawing import FIFTH, INK, PLAIN, RESIDUAL, panels

LAYERS = 24
SAMPLES = 512
BATCH = 256
ROUTES = 20
BLOCK = re.compile(r"stage\d+\.\d+\.relu")
KINDS: tuple[Join, ...] = ("none", "sum")
FULLY_CONNECTED = {"none": plain, "sum": residual}
SMALL_BATCH = 16


@final
@dataclass(frozen=True, slots=True)
class HighwayRow:
    """The gradient at the end of one block of a convolutional network: a mean over the seeds.

    Attributes:
        network: its name.
        block: from 1, the nearest to the input.
        norm: of the gradient there, over that at the last block.
        deviation: over the seeds.
    """

    network: str
    block: int
    norm: float
    deviation: float


@final
@dataclass(frozen=True, slots=True)
class LayerRow:
    """The gradient in a fully connected network with batch norm, over that at its end, and what theory says."""

    network: Join
    layer: int
    norm: float
    deviation: float
    expected: float


@final
@dataclass(frozen=True, slots=True)
class ShareRow:
    """The share of the gradient at the start of one block that comes by its shortcut, and by shortcuts alone."""

    network: str
    block: int
    by_shortcut: float
    direct: float


@final
@dataclass(frozen=True)
class Highway(Claim):
    """How the gradient travels back, with shortcuts and without."""

    rows: tuple[HighwayRow, ...]
    layers: tuple[LayerRow, ...]
    shares: tuple[ShareRow, ...]
    routes: RouteSum
    seeds: int

    name: ClassVar[str] = "highway"
    title: ClassVar[str] = "A shortcut is a highway for the gradient"
    size: ClassVar[tuple[float, float]] = (12, 4)

    @property
    def growth(self) -> float:
        """How much the norm grows per layer of the plain fully connected network, over all its layers."""
        rows = [row for row in self.layers if row.network == "none"]
        return float((rows[0].norm / rows[-1].norm) ** (1 / (len(rows) - 1)))

    @property
    def deepest(self) -> tuple[HighwayRow, HighwayRow]:
        """The first block of the deepest plain and of the deepest residual network."""
        firsts = [row for row in self.rows if row.block == 1]
        return firsts[-2], firsts[-1]

    @property
    def checks(self) -> tuple[Check, ...]:
        bare, held = self.deepest
        return (
            Check("sum over all routes: relative error", self.routes.relative_error, at_most=1e-12),
            Check(
                "plain with batch norm: growth per layer in norm",
                self.growth,
                at_least=0.97 * theory.PLAIN_GROWTH,
                at_most=1.03 * theory.PLAIN_GROWTH,
            ),
            Check(
                f"{bare.network}: its growth over that of {held.network}", bare.norm / held.norm, at_least=10
            ),
        )

    @property
    def finding(self) -> str:
        bare, held = self.deepest
        shares = [100 * row.by_shortcut for row in self.shares if row.network == held.network]
        return (
            f"from the last block to the first the gradient grows {bare.norm:,.0f} times in {bare.network} "
            f"({self.growth:.3f} a fully connected layer; theory has 1.211) and {held.norm:,.0f} times in "
            f"{held.network}; {shares[-1]:.0f} % of it at the last block and "
            f"{shares[0]:.0f} % at the first come by the shortcut; the {self.routes.routes} routes of "
            f"{label(ROUTES, 'sum')} sum to it within {self.routes.relative_error:.0e}"
        )

    def table(self) -> Table:
        lines = []
        for name in dict.fromkeys(row.network for row in self.rows):
            first = next(row for row in self.rows if row.network == name)
            by = [row.by_shortcut for row in self.shares if row.network == name]
            share = f"{100 * fmean(by):.0f}" if by else ""
            lines.append((name, f"{first.norm:,.1f} ± {first.deviation:,.1f}", share))
        columns = ("network", "gradient, first block over last", "by the shortcut, mean of blocks, %")
        return Table(columns, tuple(lines))

    def draw(self, figure: Figure) -> None:
        deep, layers, shares = panels(
            figure,
            "Plain: it explodes on the way back",
            "Exponential against a power",
            "Most comes by the shortcut",
        )
        self.draw_blocks(deep)
        self.draw_layers(layers)
        self.draw_shares(shares)

    def draw_blocks(self, axis: Axes) -> None:
        """Draw the norm over the depth of the convolutional networks."""
        names = list(dict.fromkeys(row.network for row in self.rows))
        for place, name in enumerate(names):
            rows = [row for row in self.rows if row.network == name]
            colour = PLAIN if name.startswith("plain") else RESIDUAL
            style = "-" if place >= len(names) - len(KINDS) else ":"  # the deepest pair is what matters
            axis.plot(
                [row.block for row in rows], [row.norm for row in rows], style, color=colour, label=name
            )
        axis.legend()
        axis.set_yscale("log")
        axis.set(xlabel="block, from the input", ylabel="gradient norm (last block: 1)")

    def draw_layers(self, axis: Axes) -> None:
        """Draw the fully connected networks beside theory."""
        for name, colour, marker in (("none", PLAIN, "o"), ("sum", RESIDUAL, "s")):
            rows = [row for row in self.layers if row.network == name]
            places = [row.layer for row in rows]
            axis.plot(places, [row.expected for row in rows], "--", color=INK, linewidth=1.2)
            axis.plot(
                places,
                [row.norm for row in rows],
                marker,
                color=colour,
                label=f"{FULLY_CONNECTED[name].__name__}, batch norm",
            )
        axis.plot([], "--", color=INK, label="theory")
        axis.set_yscale("log")
        axis.set(xlabel="layer or block, from the input", ylabel="gradient norm (last: 1)")
        axis.legend()

    def draw_shares(self, axis: Axes) -> None:
        """Draw the share by the shortcut and by shortcuts alone."""
        network = self.shares[-1].network
        rows = [row for row in self.shares if row.network == network]
        blocks = [row.block for row in rows]
        axis.plot(
            blocks, [100 * row.by_shortcut for row in rows], color=RESIDUAL, label="by this block's shortcut"
        )
        axis.plot(blocks, [100 * row.direct for row in rows], color=FIFTH, label="by shortcuts alone")
        axis.set(
            xlabel=f"block of {network}, from the input", ylabel="share of the gradient, %", ylim=(0, 100)
        )
        axis.legend(loc="upper left")


def highway(
    *,
    depths: Sequence[int] = (20, 56),
    seeds: int = 5,
    quick: bool = False,
    device: str = "cpu",
    data: str = "digits",
) -> Highway:
    """Measure how the gradient travels back at initialisation, in plain and residual networks.

    Args:
        depths: layers of the convolutional networks, 6n + 2.
        seeds: networks drawn for each; the rows are means over them.
        quick: two seeds at most.
        device: where to compute, such as "cpu" or "cuda".
        data: the pictures that the loss is of.
    """
    seeds = min(seeds, 2) if quick else seeds
    pictures = samples(data, device=device)
    batch = pictures.batch(BATCH)
    rows: list[HighwayRow] = []
    shares: list[ShareRow] = []
    for depth in depths:
        for join in KINDS:
            drawn = [untrained(depth, join, pictures, seed=seed) for seed in range(seeds)]
            rows.extend(blocks(label(depth, join), drawn, batch))
            if join == "sum":
                shares.extend(by_shortcut(label(depth, join), drawn, batch))
    small = untrained(ROUTES, "sum", pictures, seed=0).double()
    images, labels = pictures.batch(SMALL_BATCH)
    return Highway(
        rows=tuple(rows),
        layers=tuple(row for kind in KINDS for row in fully_connected(kind, seeds=seeds, device=device)),
        shares=tuple(shares),
        routes=route_sum(small, (images.double(), labels)),
        seeds=seeds,
    )


def blocks(name: str, drawn: Sequence[Network], batch: Examples) -> Iterator[HighwayRow]:
    """Walk the norm of the gradient after each block, mean and deviation over the networks drawn."""
    runs = []
    for one in drawn:
        norms = [row.norm for row in gradient_norms(one, batch, only=nn.ReLU) if BLOCK.fullmatch(row.name)]
        runs.append([norm / norms[-1] for norm in norms])
    for block, norms_here in enumerate(zip(*runs, strict=True), start=1):
        yield HighwayRow(name, block, fmean(norms_here), spread(norms_here))


def by_shortcut(name: str, drawn: Sequence[Network], batch: Examples) -> Iterator[ShareRow]:
    """Walk the share of the gradient that comes by the shortcuts, a mean over the networks drawn."""
    runs = [identity_share(one, batch) for one in drawn]
    for block, rows in enumerate(zip(*runs, strict=True), start=1):
        yield ShareRow(name, block, fmean(r.by_shortcut for r in rows), fmean(r.direct for r in rows))


def fully_connected(kind: Join, *, seeds: int, device: str) -> Iterator[LayerRow]:
    """Walk the norm of the gradient in a fully connected network with batch norm, beside theory."""
    runs = []
    for seed in range(seeds):
        with seeded(seed):
            model = FULLY_CONNECTED[kind](LAYERS, "batch", inputs=WIDTH).to(device)
            # He's first layer doubles a variance, and theory is for a stream that starts at 1.
            inputs = torch.randn(SAMPLES, WIDTH).to(device) / math.sqrt(2)
            weights = torch.randn(SAMPLES, 1).to(device)
        read = nn.ReLU if kind == "none" else Sum
        norms = [row.norm for row in gradient_norms(model, (inputs, weights), loss=weighted, only=read)]
        runs.append([norm / norms[-1] for norm in norms])
    for layer, norms_here in enumerate(zip(*runs, strict=True), start=1):
        grown = (
            theory.PLAIN_GROWTH ** (LAYERS - layer)
            if kind == "none"
            else theory.gradient_in_residual(layer, LAYERS)
        )
        yield LayerRow(kind, layer, fmean(norms_here), spread(norms_here), grown)


def weighted(outputs: Tensor, weights: Tensor) -> Tensor:
    """Return a loss whose gradient at the outputs is noise: no sample is better known than another."""
    return (outputs * weights).sum()
