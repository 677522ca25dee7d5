"""A residual network behaves like an ensemble of shallow ones (Veit et al. 2016, arXiv:1605.06431).

Each of n blocks is passed by its branch or by its shortcut, so a residual network is 2^n paths. Taking out one
block leaves half of them, and the error hardly rises; taking one layer out of a plain network cuts its only path.

By count the paths are n / 2 blocks long. The gradient comes by shorter ones, because each block on a path makes
it smaller. Were it always by the same factor r, the gradient of all paths of k blocks would go as C(n, k) r^k: a
binomial with mean n r / (1 + r). In ResNet-110, of 54 blocks, Veit et al. find it on paths of 5 to 17 blocks,
0.45 % of all.

Traps: the first block of a stage has no substitute, so the median is judged and not the worst. A norm behind a
part that was taken out keeps the statistics of what came before; with those of what comes now, a plain network
loses as much and a residual one still less. And few blocks can spare none: residual-20 is measured too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from residua.lab.claim import Check, Claim, Table
from residua.lab.cores import on_all_cores
from residua.lab.ensemble_rows import (
    STAGES,
    EnsembleRow,
    LengthRow,
    PartRow,
    SeveralRow,
    length_rows,
    part_rows,
    several_rows,
    summary,
)
from residua.lab.lesioned import Task, lesioned
from residua.lab.networks import Join, label
from residua.lab.samples import samples
from residua.report.drawing import FIFTH, INK, PLAIN, RESIDUAL, SIXTH, THIRD, panels

MOST = 0.95
"""A range of lengths is said to carry the gradient if this share of it comes by them."""


@final
@dataclass(frozen=True)
class Ensemble(Claim):
    """What networks lose with a part of them, and by which paths their gradient comes.

    Attributes:
        rows: the plain network, and then the residual ones by depth.
        parts: of each network, from the input on.
        several: blocks at once, of the residual networks.
        lengths: of the paths of the residual networks.
        guess: the error of one who guesses among the classes, in percent.
        data: what was learned.
        seeds: networks of each kind.
    """

    rows: tuple[EnsembleRow, ...]
    parts: tuple[PartRow, ...]
    several: tuple[SeveralRow, ...]
    lengths: tuple[LengthRow, ...]
    guess: float
    data: str
    seeds: int

    name: ClassVar[str] = "ensemble"
    title: ClassVar[str] = "A residual network behaves like an ensemble of shallow ones"
    size: ClassVar[tuple[float, float]] = (12, 4.2)

    @property
    def plain(self) -> EnsembleRow:
        """The plain network."""
        return self.rows[0]

    @property
    def deepest(self) -> EnsembleRow:
        """The deepest residual network."""
        return self.rows[-1]

    @property
    def checks(self) -> tuple[Check, ...]:
        bare, held = self.plain, self.deepest
        # Of other pictures there may be few classes, and no error can rise by 60 points.
        least = 60 if self.data == "digits" else (self.guess - bare.error) / 2
        return (
            Check(f"{held.network}: median rise without a block, points", held.rise, at_most=2),
            Check(f"{bare.network}: median rise without a layer, points", bare.rise, at_least=least),
            Check(
                f"{held.network}: mean path length, by gradient over by count",
                held.blocks_by_gradient / held.blocks,
                at_most=0.5,
            ),
        )

    @property
    def finding(self) -> str:
        bare, held = self.plain, self.deepest
        worst = max(self.parts_of(held.network), key=lambda part: part.rise)
        low, high, share = self.carrying()
        return (
            f"without one block the test error of {held.network} rises by {held.rise:.1f} points (median; "
            f"{worst.rise:.0f} without {worst.part.removesuffix('.sum')}), without one layer that of "
            f"{bare.network} by {bare.rise:.0f}; the paths of {held.network} are {held.blocks:.1f} blocks long by "
            f"count and {held.blocks_by_gradient:.1f} by gradient, and {100 * MOST:.0f} % of it come by those of "
            f"{low} to {high} blocks, {100 * share:.1f} % of all"
        )

    def parts_of(self, network: str) -> tuple[PartRow, ...]:
        """Return what the parts of one network are worth."""
        return tuple(part for part in self.parts if part.network == network)

    def lengths_of(self, network: str) -> tuple[LengthRow, ...]:
        """Return the paths of one network by their length."""
        return tuple(row for row in self.lengths if row.network == network)

    def carrying(self) -> tuple[int, int, float]:
        """Return the shortest range of lengths that carries the gradient, and its share of the paths."""
        rows = self.lengths_of(self.deepest.network)
        ranges = [
            (high - low, low, high)
            for low in range(len(rows))
            for high in range(low, len(rows))
            if sum(row.share_of_gradient for row in rows[low : high + 1]) >= MOST
        ]
        _, low, high = min(ranges, default=(0, 0, len(rows) - 1))  # a dead network has no gradient
        return low, high, sum(row.share_of_paths for row in rows[low : high + 1])

    def table(self) -> Table:
        columns = ("network", "error, %", "median rise", "worst", "recounted", "path", "by gradient")
        return Table(columns, tuple(self.line(row) for row in self.rows))

    def line(self, row: EnsembleRow) -> tuple[str, ...]:
        """Return one network as text."""
        return (
            row.network,
            f"{row.error:.1f} ± {row.error_deviation:.1f}",
            f"{row.rise:.1f} ± {row.rise_deviation:.1f}",
            f"{max(part.rise for part in self.parts_of(row.network)):.1f}",
            f"{row.recounted:.1f} ± {row.recounted_deviation:.1f}",
            f"{row.blocks:.1f}",
            f"{row.blocks_by_gradient:.1f} ± {row.blocks_by_gradient_deviation:.1f}",
        )

    def draw(self, figure: Figure) -> None:
        one, several, paths = panels(
            figure,
            "A block can be spared, a layer cannot",
            "The error rises step by step",
            "Short paths carry the gradient",
        )
        self.draw_parts(one)
        self.draw_several(several)
        self.draw_paths(paths)
        for axis in (one, several):
            axis.axhline(self.guess - self.deepest.error, color=INK, linestyle=":", linewidth=1.2)
            axis.set(ylabel="rise of the test error, points", ylim=(-4, 104))

    def draw_parts(self, axis: Axes) -> None:
        """Draw what each part is worth where it stands; the first block of a stage has a ring."""
        # Of residual networks the plain one's twin and the deepest; with a single depth they are one.
        colours = {self.plain: PLAIN, self.rows[1]: SIXTH, self.deepest: RESIDUAL}
        for row, colour in colours.items():
            parts = self.parts_of(row.network)
            axis.errorbar(
                [part.position for part in parts],
                [part.rise for part in parts],
                [part.deviation for part in parts],
                fmt="s-" if row is self.plain else "o-",
                color=colour,
                markersize=4,
                linewidth=1.2,
                elinewidth=0.8,
                label=row.network,
            )
        firsts = [part for row in colours for part in self.parts_of(row.network) if part.first]
        axis.errorbar(
            [part.position for part in firsts],
            [part.rise for part in firsts],
            fmt="o",
            color=INK,
            markerfacecolor="none",
            markersize=9,
            label="first block of a stage",
        )
        axis.set_xticks(
            [(stage + 0.5) / STAGES for stage in range(STAGES)], ["stage 1", "stage 2", "stage 3"]
        )
        axis.set_xticks([stage / STAGES for stage in range(1, STAGES)], minor=True)
        axis.grid(visible=False, axis="x")
        axis.grid(visible=True, axis="x", which="minor")
        axis.set(xlabel="where the part stands, from the input", xlim=(0, 1))
        axis.legend()

    def draw_several(self, axis: Axes) -> None:
        """Draw the error without several blocks and with several swaps, beside one layer of the plain network."""
        network = self.deepest.network
        axis.errorbar(1, self.plain.rise, fmt="s", color=PLAIN, label=f"{self.plain.network}, layer deleted")
        # The swaps stand a little to the right, so that no deviation hides another.
        kinds = (
            ("deleted", "blocks deleted", RESIDUAL, "o-", 1),
            ("swapped", "pairs swapped", FIFTH, "D--", 1.07),
        )
        for change, words, colour, style, aside in kinds:
            rows = [row for row in self.several if (row.network, row.change) == (network, change)]
            axis.errorbar(
                [aside * row.count for row in rows],
                [row.rise for row in rows],
                [row.deviation for row in rows],
                fmt=style,
                color=colour,
                elinewidth=0.8,
                label=words,
            )
        counts = sorted({row.count for row in self.several if row.network == network})
        axis.set_xscale("log", base=2)
        axis.set_xticks(counts, [str(count) for count in counts])
        axis.set_xlabel(f"how many at once, in {network}")
        axis.text(0.25, self.guess - self.deepest.error + 2, "guessing", transform=axis.get_yaxis_transform())
        axis.legend()

    def draw_paths(self, axis: Axes) -> None:
        """Draw the lengths of paths by count and by gradient, and the binomial that theory has for the latter."""
        held, rows = self.deepest, self.lengths_of(self.deepest.network)
        lengths, factor = [row.length for row in rows], rows[-1].factor
        expected = [row.paths * factor**row.length / (1 + factor) ** rows[-1].length for row in rows]
        axis.plot(
            lengths,
            [100 * row.share_of_paths for row in rows],
            "^-",
            color=THIRD,
            label=f"paths: mean {held.blocks:.1f}",
        )
        axis.errorbar(
            lengths,
            [100 * row.share_of_gradient for row in rows],
            [100 * row.deviation for row in rows],
            fmt="o-",
            color=RESIDUAL,
            elinewidth=0.8,
            label=f"gradient: mean {held.blocks_by_gradient:.1f}",
        )
        axis.errorbar(
            lengths,
            [100 * share for share in expected],
            fmt="--",
            color=INK,
            linewidth=1.2,
            label=f"theory: × {factor:.2f} a block",
        )
        axis.set(
            xlabel=f"blocks on the path, of {rows[-1].length} in {held.network}",
            ylabel="share of all, %",
            ylim=(0, None),
        )
        axis.legend()


def ensemble(
    *,
    depths: Sequence[int] = (20, 56),
    seeds: int = 3,
    quick: bool = False,
    device: str = "cpu",
    data: str = "digits",
) -> Ensemble:
    """Train a plain network and residual ones, take parts out of them, and follow the gradient along their paths.

    Args:
        depths: layers of the residual networks, 6n + 2; the plain one has the least, since deeper ones learn badly.
        seeds: networks of each kind; the rows are means over them.
        quick: two seeds at most of the two networks that are judged, trained half as long, and fewer draws.
        device: where to compute, such as "cpu" or "cuda".
        data: what to learn, as for `residua train`.
    """
    known = sorted(set(depths))
    seeds = min(seeds, 2) if quick else seeds
    kinds: list[tuple[Join, int]] = [("none", known[0])]
    kinds += [("sum", depth) for depth in (known[-1:] if quick else known)]
    tasks = {
        (join, depth): [Task(join, depth, seed, quick, data, device) for seed in range(seeds)]
        for join, depth in kinds
    }
    order = [task for kind in reversed(kinds) for task in tasks[kind]]  # the longest begin first
    found = dict(zip(order, on_all_cores(lesioned, order, device=device), strict=True))
    runs = {label(depth, join): [found[task] for task in tasks[join, depth]] for join, depth in kinds}
    classes = samples(data, device=device).classes
    return Ensemble(
        rows=tuple(summary(join, depth, runs[label(depth, join)]) for join, depth in kinds),
        parts=tuple(row for name, some in runs.items() for row in part_rows(name, some)),
        several=tuple(row for name, some in runs.items() for row in several_rows(name, some)),
        lengths=tuple(row for name, some in runs.items() for row in length_rows(name, some)),
        guess=100 - 100 / classes,
        data=data,
        seeds=seeds,
    )
