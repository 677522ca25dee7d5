"""Deeper plain networks train worse, and shortcuts mend it (He et al. 2015, arXiv:1512.03385).

It is not overfitting: the error is that of the training pictures. Nor does the gradient vanish, since batch norm
holds it up. What is lost is its meaning: after a tiny step along itself the gradient of a deep plain network
points elsewhere. Its coherence, the cosine of the two, falls from 1 to 0 within some twenty layers, before any
training, while that of a residual network stays.

Thirty epochs are needed: after ten the error of deep plain networks depends mostly on the seed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar, final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from residua.lab.claim import Check, Claim, Table
from residua.lab.cores import on_all_cores
from residua.lab.fitting import error, fit, usual_fit
from residua.lab.networks import Join, label, untrained
from residua.lab.samples import samples
from residua.lab.seeds import spread
from residua.look import Coherence, coherence
from residua.report.drawing import INK, PLAIN, RESIDUAL, panels

BATCH = 256
SEEN = 5000
"""Of more training pictures, so many of them tell the training error after each epoch."""
KINDS: tuple[Join, ...] = ("none", "sum")
COLOURS: dict[Join, str] = {"none": PLAIN, "sum": RESIDUAL}
WORDS: dict[Join, str] = {"none": "plain", "sum": "residual"}
SHALLOW = 20
DRAWS = 5
"""Untrained networks at least, whose gradient is cheap; one alone may be off by 0.1."""


@final
@dataclass(frozen=True, slots=True)
class DegradationRow:
    """One kind of network after one epoch: errors in percent, mean and deviation over the seeds."""

    join: Join
    depth: int
    epoch: int
    train_error: float
    train_deviation: float
    test_error: float
    test_deviation: float


@final
@dataclass(frozen=True, slots=True)
class CoherenceRow:
    """Gradient coherence before training, of one kind of network: mean and deviation over the seeds."""

    join: Join
    depth: int
    coherence: float
    deviation: float
    gradient_norm: float


@final
@dataclass(frozen=True)
class Degradation(Claim):
    """How plain and residual networks of several depths train, and how coherent their gradient is before."""

    rows: tuple[DegradationRow, ...]
    coherence: tuple[CoherenceRow, ...]
    data: str
    seeds: int

    name: ClassVar[str] = "degradation"
    title: ClassVar[str] = "Deeper plain networks train worse; residual networks do not"
    size: ClassVar[tuple[float, float]] = (12, 4)

    @property
    def depths(self) -> tuple[int, ...]:
        """The depths that were trained."""
        return tuple(sorted({row.depth for row in self.rows}))

    @property
    def pair(self) -> tuple[int, int]:
        """The depth to compare with, 20 layers where there are such, and the deepest."""
        return SHALLOW if SHALLOW in self.depths else self.depths[0], self.depths[-1]

    @property
    def checks(self) -> tuple[Check, ...]:
        shallow, deep = self.pair
        rise = self.trained("none", deep).train_error - self.trained("none", shallow).train_error
        held, was = self.trained("sum", deep).train_error, self.trained("sum", shallow).train_error
        digits = self.data == "digits"  # other pictures have no bounds of their own but the claim itself
        return (
            Check(
                f"plain-{deep} over plain-{shallow}: train error, points", rise, at_least=20 if digits else 1
            ),
            Check(f"residual-{deep}: train error, %", held, at_most=2 if digits else was + 0.5),
            Check(f"plain-{deep}: gradient coherence", self.coherent("none", deep), at_most=0.1),
            Check(f"residual-{deep}: gradient coherence", self.coherent("sum", deep), at_least=0.9),
        )

    @property
    def finding(self) -> str:
        shallow, deep = self.pair
        return (
            f"plain-{deep} trains to {self.trained('none', deep).train_error:.1f} % error where plain-{shallow} "
            f"reaches {self.trained('none', shallow).train_error:.1f} %, and residual-{deep} "
            f"{self.trained('sum', deep).train_error:.1f} %; the coherence of the gradient before training is "
            f"{self.coherent('none', deep):.2f} in plain-{deep} and {self.coherent('sum', deep):.2f} in "
            f"residual-{deep}"
        )

    def of(self, join: Join, depth: int) -> tuple[DegradationRow, ...]:
        """Return the rows of one kind of network, epoch by epoch."""
        return tuple(row for row in self.rows if (row.join, row.depth) == (join, depth))

    def trained(self, join: Join, depth: int) -> DegradationRow:
        """Return the row of the last epoch."""
        return self.of(join, depth)[-1]

    def coherent(self, join: Join, depth: int) -> float:
        """Return the mean coherence of one kind of network."""
        return next(row.coherence for row in self.coherence if (row.join, row.depth) == (join, depth))

    def table(self) -> Table:
        lines = []
        for join in KINDS:
            for depth in self.depths:
                row = self.trained(join, depth)
                lines.append(
                    (
                        label(depth, join),
                        f"{row.train_error:.1f} ± {row.train_deviation:.1f}",
                        f"{row.test_error:.1f} ± {row.test_deviation:.1f}",
                        f"{self.coherent(join, depth):.2f}",
                    )
                )
        return Table(
            ("network", "train error, %", "test error, %", "coherence before training"), tuple(lines)
        )

    def draw(self, figure: Figure) -> None:
        curves, ends, coherent = panels(
            figure, "Deep plain nets do not learn", "Shortcuts mend it", "The gradient loses its meaning"
        )
        self.draw_curves(curves)
        self.draw_ends(ends)
        for join in KINDS:
            rows = [row for row in self.coherence if row.join == join]
            coherent.errorbar(
                [row.depth for row in rows],
                [row.coherence for row in rows],
                [row.deviation for row in rows],
                fmt="o-",
                color=COLOURS[join],
                label=WORDS[join],
            )
        coherent.set(
            xlabel="layers", ylabel="gradient cosine after a tiny step, untrained", ylim=(-0.15, 1.1)
        )
        coherent.legend(loc="center right", bbox_to_anchor=(1, 0.62))

    def draw_curves(self, axis: Axes) -> None:
        """Draw the training error by epoch, of the shallow networks and of the deepest."""
        for join in KINDS:
            for depth, style in zip(self.pair, (":", "-"), strict=True):
                rows = self.of(join, depth)
                axis.plot(
                    [row.epoch for row in rows],
                    [row.train_error for row in rows],
                    style,
                    color=COLOURS[join],
                    label=label(depth, join),
                )
        axis.set(xlabel="epoch", ylabel="train error, %", ylim=(-2, 100))
        axis.legend(loc="upper right")

    def draw_ends(self, axis: Axes) -> None:
        """Draw the errors at the end against the depth."""
        for join in KINDS:
            rows = [self.trained(join, depth) for depth in self.depths]
            depths = [row.depth for row in rows]
            train, tested = [row.train_error for row in rows], [row.test_error for row in rows]
            deviations = [row.train_deviation for row in rows]
            axis.errorbar(depths, train, deviations, fmt="o-", color=COLOURS[join], label=WORDS[join])
            axis.plot(depths, tested, "x--", color=COLOURS[join])
        axis.plot([], "o-", color=INK, label="train")
        axis.plot([], "x--", color=INK, label="test")
        axis.set(xlabel="layers", ylabel="error after training, %", ylim=(-2, None))
        axis.legend(loc="upper left")


@final
@dataclass(frozen=True, slots=True)
class Task:
    """One network."""

    join: Join
    depth: int
    seed: int
    data: str
    device: str


@final
@dataclass(frozen=True, slots=True)
class Curve:
    """The errors of one network after each epoch, in percent."""

    train: tuple[float, ...]
    test: tuple[float, ...]


def degradation(
    *,
    depths: Sequence[int] = (8, 20, 32, 56),
    seeds: int = 3,
    quick: bool = False,
    device: str = "cpu",
    data: str = "digits",
) -> Degradation:
    """Train plain and residual networks of several depths, and measure their gradient before.

    Args:
        depths: layers of the networks, 6n + 2.
        seeds: networks trained for each depth and kind; the rows are means over them.
        quick: one seed, of the depth of 20 layers (or the least) and the deepest.
        device: where to compute, such as "cpu" or "cuda".
        data: what to learn, as for `residua train`.
    """
    trained = tuple(sorted(set(depths)))
    between = tuple(sorted({*trained, *range(trained[0], trained[-1] + 1, 6)}))
    if quick:
        trained = between = SHALLOW if SHALLOW in trained else trained[0], trained[-1]
        seeds = 1
    return Degradation(
        rows=tuple(trained_rows(trained, range(seeds), data=data, device=device)),
        coherence=tuple(untrained_rows(between, range(max(seeds, DRAWS)), data=data, device=device)),
        data=data,
        seeds=seeds,
    )


def trained_rows(
    depths: Sequence[int], seeds: Sequence[int], *, data: str, device: str
) -> Iterator[DegradationRow]:
    """Walk the errors of each kind of network after each epoch, mean and deviation over the seeds."""
    kinds = [(join, depth) for depth in reversed(depths) for join in KINDS]  # the longest begin first
    tasks = [Task(join, depth, seed, data, device) for join, depth in kinds for seed in seeds]
    curves = dict(zip(tasks, on_all_cores(curve, tasks, device=device), strict=True))
    for join, depth in sorted(kinds):
        yield from by_epoch(join, depth, [curves[Task(join, depth, seed, data, device)] for seed in seeds])


def curve(task: Task) -> Curve:
    """Train one network and return its errors."""
    pictures = samples(task.data, device=task.device)
    model = untrained(task.depth, task.join, pictures, seed=task.seed)
    train: list[float] = []
    test: list[float] = []

    def look(_: int) -> None:
        train.append(error(model, pictures.batch(SEEN)))
        test.append(error(model, pictures.test))

    fit(model, pictures.train, usual_fit(pictures.size), seed=task.seed, after=look)
    return Curve(tuple(train), tuple(test))


def by_epoch(join: Join, depth: int, curves: Sequence[Curve]) -> Iterator[DegradationRow]:
    """Walk the errors after each epoch, mean and deviation over the seeds; one that gave up keeps its last."""
    for epoch in range(max(len(curve.train) for curve in curves)):
        train = [curve.train[min(epoch, len(curve.train) - 1)] for curve in curves]
        test = [curve.test[min(epoch, len(curve.test) - 1)] for curve in curves]
        yield DegradationRow(join, depth, epoch + 1, fmean(train), spread(train), fmean(test), spread(test))


def untrained_rows(
    depths: Sequence[int], seeds: Sequence[int], *, data: str, device: str
) -> Iterator[CoherenceRow]:
    """Walk the coherence of the gradient in untrained networks, mean and deviation over the seeds."""
    for join in KINDS:
        tasks = [Task(join, depth, seed, data, device) for depth in depths for seed in seeds]
        found = on_all_cores(untrained_coherence, tasks, device=device)
        for place, depth in enumerate(depths):
            here = found[place * len(seeds) : (place + 1) * len(seeds)]
            cosines = [one.cosine for one in here]
            norm = fmean(one.gradient_norm for one in here)
            yield CoherenceRow(join, depth, fmean(cosines), spread(cosines), norm)


def untrained_coherence(task: Task) -> Coherence:
    """Return the coherence of one untrained network."""
    pictures = samples(task.data, device=task.device)
    return coherence(untrained(task.depth, task.join, pictures, seed=task.seed), pictures.batch(BATCH))
