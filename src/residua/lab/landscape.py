"""Shortcuts smooth the loss surface of deep networks (Li et al. 2018, arXiv:1712.09913).

Walk from a trained network along a random line through its weights. Around a deep plain network the loss goes up
and down on the way; around its residual twin it falls once and rises once. Roughness is how far log(1 + loss)
moves along the line over its net rise, so one valley has 1. At 20 layers a plain network has about 1 as well:
it is the depth that makes it rough, as in the paper.

The comparison has a trap: a deep plain network is hardly trained, and the surface may be rough because of where
it ended and not because of what it lacks. So the residual twin is also looked at where its loss is that of the
plain one. At the usual rate it passes there within one epoch, so for this it learns at a low one.

Where training ended matters to plain networks: after 30 epochs plain-56 had 1.3 to 1.8 with each of 13 seeds,
after 60 epochs 1.0 to 1.5 and after 120 epochs 1.0 to 1.2 with three. Residual-56 has 1.00 from the third on.

Each filter of a direction has the norm of the network's own filter, or else the picture would show the scale of
the weights. Batch norm uses the batch, as in training. Its running statistics belong to one place only: with
them the loss of either network rises steeply on all sides, which hides the hills.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from statistics import fmean
from typing import ClassVar, final

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from residua.lab.claim import Check, Claim, Table
from residua.lab.cores import on_all_cores
from residua.lab.fitting import Fit, fit
from residua.lab.networks import Join, label, untrained
from residua.lab.samples import samples
from residua.lab.seeds import spread
from residua.look import Examples, filter_normalised, local_minima, roughness, slice_along, surface, untouched
from residua.report.drawing import PLAIN, RESIDUAL, SIXTH, panels

POINTS = 41
CONTOUR = 0.1
"""From one contour to the next, in log(1 + loss)."""
TICKS = (-1, -0.5, 0, 0.5, 1)
USUAL = Fit()
SLOW = Fit(epochs=8, lr=0.002)
"""At this rate the loss of residual-56 falls by 0.2 to 0.4 an epoch while it is above 1, so one ends nearby."""


@final
@dataclass(frozen=True, slots=True)
class LandscapeRow:
    """The loss around one kind of network: means over the seeds, and deviations.

    Attributes:
        network: its name, and where its training stopped if that is not the end.
        loss: of the network itself, in training mode on the pictures of the slices.
        loss_deviation: over the seeds.
        roughness: total variation of log(1 + loss) along a slice over its net rise, a mean over the directions.
        deviation: of the roughness over the seeds.
        minima: a slice, a mean over seeds and directions.
        slices: the losses of the first seed along each direction, evenly from -1 to 1.
        surface: the losses of the first seed over the first two directions, evenly from -1 to 1; empty for
            networks that are not drawn.
    """

    network: str
    loss: float
    loss_deviation: float
    roughness: float
    deviation: float
    minima: float
    slices: tuple[tuple[float, ...], ...]
    surface: tuple[tuple[float, ...], ...]


@final
@dataclass(frozen=True)
class Landscape(Claim):
    """How rough the loss is around plain and residual networks.

    The rows are the plain networks by depth, then the residual twin of the deepest, then that twin at equal loss;
    `loss_apart` is how far the two losses that should be equal are from each other, a mean over the seeds.
    """

    rows: tuple[LandscapeRow, ...]
    loss_apart: float
    seeds: int

    name: ClassVar[str] = "landscape"
    title: ClassVar[str] = (
        "The loss surface of a deep plain network is rough; that of its residual twin is smooth"
    )
    size: ClassVar[tuple[float, float]] = (14, 3.7)

    @property
    def deepest(self) -> tuple[LandscapeRow, LandscapeRow, LandscapeRow]:
        """The deepest plain network, its residual twin at equal loss, and that twin at the end of training."""
        plain, residual, equal = self.rows[-3:]
        return plain, equal, residual

    @property
    def checks(self) -> tuple[Check, ...]:
        plain, equal, residual = self.deepest
        return (
            Check(f"{plain.network}: roughness", plain.roughness, at_least=1.2),
            Check(f"{residual.network}: roughness", residual.roughness, at_most=1.05),
            Check(f"{equal.network}: roughness", equal.roughness, at_most=1.05),
            Check(f"{equal.network}: distance of the losses", self.loss_apart, at_most=0.2),
        )

    @property
    def finding(self) -> str:
        plain, equal, residual = self.deepest
        shallow = "".join(f"; {row.network} has {row.roughness:.2f}" for row in self.rows[:-3])
        return (
            f"the slices of {plain.network} have roughness {plain.roughness:.2f} and {plain.minima:.1f} minima at "
            f"loss {plain.loss:.2f}; those of {residual.network} have {equal.roughness:.2f} and {equal.minima:.1f} "
            f"at loss {equal.loss:.2f}, and {residual.roughness:.2f} and {residual.minima:.1f} at the end of "
            f"training{shallow}"
        )

    def table(self) -> Table:
        lines = (
            (
                row.network,
                f"{row.loss:.2f} ± {row.loss_deviation:.2f}",
                f"{row.roughness:.2f} ± {row.deviation:.2f}",
                f"{row.minima:.1f}",
            )
            for row in self.rows
        )
        return Table(("network", "loss", "roughness", "minima a slice"), tuple(lines))

    def draw(self, figure: Figure) -> None:
        plain, _, residual = self.deepest
        slices, *maps = panels(
            figure,
            "Along lines: many minima or one",
            f"{plain.network}: rough",
            f"{residual.network}, same loss: smooth",
            f"{residual.network}, trained: smooth",
        )
        self.draw_slices(slices)
        heights = [np.log1p(np.asarray(row.surface)) for row in self.deepest]
        levels = np.arange(0, max(float(np.nanmax(height)) for height in heights) + CONTOUR, CONTOUR)
        for axis, height in zip(maps, heights, strict=True):
            places = positions(len(height))
            drawn = axis.contourf(places, places, height, levels, cmap="viridis")
            axis.contour(places, places, height, levels, colors="black", linewidths=0.4, alpha=0.5)
            axis.plot(0, 0, "x", color="white")
            axis.set(xlabel="first direction, filter norms", xticks=TICKS, yticks=TICKS, box_aspect=1)
            axis.grid(visible=False)
        maps[0].set_ylabel("second direction, filter norms")
        bar = figure.colorbar(drawn, ax=maps, label="log(1 + loss)", ticks=levels[::5], shrink=0.78)
        bar.outline.set_visible(False)

    def draw_slices(self, axis: Axes) -> None:
        """Draw the slices of the first seed, those of one network in one colour."""
        for row, colour in zip(self.deepest, (PLAIN, SIXTH, RESIDUAL), strict=True):
            heights = np.log1p(np.asarray(row.slices)).T
            axis.plot(positions(len(heights)), heights, color=colour, linewidth=1.2)
            axis.plot([], color=colour, label=row.network)
        axis.set(xlabel="random direction, filter norms", ylabel="log(1 + loss)", xticks=TICKS, box_aspect=1)
        axis.set_ylim(0, 1.4 * axis.dataLim.y1)  # room for the legend above the curves
        axis.legend(loc="upper center")


@final
@dataclass(frozen=True, slots=True)
class Detail:
    """How closely to look: directions, pictures that the loss is of, points a side of the surface (0: none)."""

    directions: int
    pictures: int
    side: int


FULL = Detail(directions=4, pictures=256, side=21)
QUICK = Detail(directions=2, pictures=128, side=9)


@final
@dataclass(frozen=True, slots=True)
class Task:
    """One network to train until its loss is near `loss`, or to the end, and how closely to look around it then."""

    join: Join
    depth: int
    seed: int
    detail: Detail
    data: str
    device: str
    loss: float | None = None


@final
@dataclass(frozen=True, slots=True)
class Surroundings:
    """The losses around one network: along each direction, and over the first two."""

    slices: tuple[tuple[float, ...], ...]
    surface: tuple[tuple[float, ...], ...]

    @property
    def loss(self) -> float:
        """The loss of the network itself, in the middle of each slice."""
        return self.slices[0][POINTS // 2]


def landscape(
    *,
    depths: Sequence[int] = (20, 56),
    seeds: int = 3,
    quick: bool = False,
    device: str = "cpu",
    data: str = "digits",
) -> Landscape:
    """Measure how rough the loss is around trained plain and residual networks, also at equal loss.

    Args:
        depths: layers of the plain networks, 6n + 2; the deepest has a residual twin.
        seeds: networks trained of each kind; the rows are means over them.
        quick: one seed, the deepest depth alone, and fewer directions, pictures and points.
        device: where to compute, such as "cpu" or "cuda".
        data: what to learn, as for `residua train`.
    """
    *shallow, deep = sorted(set(depths))
    if quick:
        shallow, seeds = [], 1
    detail = QUICK if quick else FULL

    def group(join: Join, depth: int, detail: Detail) -> list[Task]:
        first = Task(join, depth, 0, detail, data, device)
        return [
            first,
            *(replace(first, seed=seed, detail=replace(detail, side=0)) for seed in range(1, seeds)),
        ]

    plain = [group("none", depth, replace(detail, side=0)) for depth in shallow]
    groups = [*plain, group("none", deep, detail), group("sum", deep, detail)]
    found = looked(groups)
    twins = [replace(task, loss=one.loss) for task, one in zip(groups[-1], found[-2], strict=True)]
    (equal,) = looked([twins])
    names = [label(tasks[0].depth, tasks[0].join) for tasks in groups]
    names.append(f"{names[-1]} at equal loss")
    return Landscape(
        rows=tuple(summary(name, runs) for name, runs in zip(names, [*found, equal], strict=True)),
        loss_apart=fmean(abs(twin.loss - one.loss) for twin, one in zip(equal, found[-2], strict=True)),
        seeds=seeds,
    )


def looked(groups: Sequence[Sequence[Task]]) -> list[list[Surroundings]]:
    """Train and look at all networks of some groups side by side, and return the answers by group."""
    tasks = [task for group in reversed(groups) for task in group]  # the longest begin first
    found = dict(zip(tasks, on_all_cores(around, tasks, device=tasks[0].device), strict=True))
    return [[found[task] for task in group] for group in groups]


def around(task: Task) -> Surroundings:
    """Train one network and return the losses around it."""
    pictures = samples(task.data, device=task.device)
    batch = pictures.batch(task.detail.pictures)
    model = untrained(task.depth, task.join, pictures, seed=task.seed)
    if task.loss is None:
        fit(model, pictures.train, USUAL, seed=task.seed)
    else:
        fit_to(task.loss, model, pictures.train, batch, seed=task.seed)
    return surroundings(model, batch, task.detail, seed=task.seed)


def fit_to(loss: float, model: nn.Module, examples: Examples, batch: Examples, *, seed: int) -> None:
    """Train a model slowly, and put it back to where an epoch ended with its loss on `batch` nearest to `loss`."""
    ends: list[tuple[float, dict[str, Tensor]]] = []

    def keep(_: int) -> None:
        ends.append((abs(loss_of(model, batch) - loss), deepcopy(model.state_dict())))

    fit(model, examples, SLOW, seed=seed, after=keep)
    _, nearest = min(ends, key=lambda end: end[0])
    model.load_state_dict(nearest)


@torch.no_grad()
def loss_of(model: nn.Module, batch: Examples) -> float:
    """Return the loss of a model in training mode, as the slices have it."""
    pictures, labels = batch
    with untouched(model):
        return F.cross_entropy(model.train()(pictures), labels).item()


def surroundings(model: nn.Module, batch: Examples, detail: Detail, *, seed: int) -> Surroundings:
    """Return the losses around a model in training mode, in which this leaves it."""
    # Plain and residual twins have weights of the same shapes, so they get the same directions.
    generator = torch.Generator().manual_seed(seed)
    directions = [filter_normalised(model, generator) for _ in range(detail.directions)]
    model.train()
    return Surroundings(
        slices=tuple(slice_along(model, batch, one, positions(POINTS)) for one in directions),
        surface=surface(model, batch, (directions[0], directions[1]), positions(detail.side)),
    )


def positions(count: int) -> list[float]:
    """Return so many places from -1 to 1.

    >>> positions(5), positions(0)
    ([-1.0, -0.5, 0.0, 0.5, 1.0], [])
    """
    return [2 * place / (count - 1) - 1 for place in range(count)]


def summary(network: str, runs: Sequence[Surroundings]) -> LandscapeRow:
    """Return the row of one kind of network from the losses around that of each seed."""
    losses = [run.loss for run in runs]
    rough = [fmean(map(roughness, run.slices)) for run in runs]
    return LandscapeRow(
        network,
        fmean(losses),
        spread(losses),
        fmean(rough),
        spread(rough),
        fmean(local_minima(losses) for run in runs for losses in run.slices),
        runs[0].slices,
        runs[0].surface,
    )
