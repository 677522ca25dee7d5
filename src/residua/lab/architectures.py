"""What three architectures do with their joins: ResNet changes a little, DenseNet reuses, U-Net brings detail back.

ResNet: a block adds to what its shortcut carries. Greff et al. 2017 (arXiv:1612.07771) see in it one step of an
iterative estimation: the blocks of a stage refine one representation, and none makes a new one. Then what a block
adds must be small beside what it adds to. Some of that is there before training, because the stream grows with
each add and a branch that ends in a batch norm does not; so both are shown.

DenseNet: Huang et al. 2016 (arXiv:1608.06993, figure 5) read from the weights that layers take from all that came
before them in their block, that the second block reads what comes out of the transition least, and that the
classifier reads the last layers most.

U-Net: without its long skips all detail passes through the coarsest level. Drozdzal et al. 2016
(arXiv:1608.04117) compare networks with and without long skips. Here boundaries are counted beside regions.

Traps: a short training with the paper's weight decay leaves the weights of a DenseNet next to where they began, and
their map shows that start; so the decay is made larger until it adds up to the paper's. And a skip that is cut after
training leaves the decoder with zeros that it has never seen, so a network that never had one is trained too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from statistics import fmean, median
from typing import ClassVar, final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure, SubFigure

from residua.data import scenes
from residua.lab.claim import Check, Claim, Table
from residua.lab.cores import on_all_cores
from residua.lab.long_skips import (
    KINDS,
    SHOWN,
    SIDE,
    SIZES,
    Fall,
    Segmented,
    SkipRow,
    Skips,
    fall,
    segmented,
    skip_rows,
)
from residua.lab.trained_joins import (
    LAYERS,
    Changed,
    ChangeRow,
    Reading,
    SourceRow,
    change_rows,
    changed,
    read_dense,
    source_rows,
)
from residua.report.drawing import FIFTH, INK, PLAIN, RESIDUAL, SIXTH, THIRD

NAMES: dict[Skips, str] = {"concat": "U-Net, long skips", "none": "U-Net, no long skips"}
Answer = Segmented | Changed | Reading
Job = Callable[[], Answer]
COLOURS = {"concat": RESIDUAL, "none": PLAIN}


@final
@dataclass(frozen=True, slots=True)
class Drawn:
    """What one U-Net found in the first test scenes: for each scene a text of 0 and 1 for each row of pixels."""

    skips: Skips
    masks: tuple[tuple[str, ...], ...]


@final
@dataclass(frozen=True)
class Architectures(Claim):
    """What trained networks of three families do with their joins.

    Attributes:
        rows: the U-Nets, as trained and with skips cut.
        fall: what the U-Net loses without its long skips.
        blocks: of the residual networks.
        sources: of the layers of the DenseNet.
        memory: cosine of the DenseNet's kernels with those that it began with, a mean over the seeds.
        drawn: masks that the U-Nets of the first seed found.
        data: what the residual networks and the DenseNet learned.
        seeds: networks of each kind.
    """

    rows: tuple[SkipRow, ...]
    fall: Fall
    blocks: tuple[ChangeRow, ...]
    sources: tuple[SourceRow, ...]
    memory: float
    drawn: tuple[Drawn, ...]
    data: str
    seeds: int

    name: ClassVar[str] = "architectures"
    title: ClassVar[str] = "ResNet changes a little, DenseNet reads all again, U-Net brings the detail back"
    size: ClassVar[tuple[float, float]] = (12, 7.6)

    @property
    def checks(self) -> tuple[Check, ...]:
        deepest = self.blocks[-1].network
        return (
            Check(
                "without long skips boundary IoU falls further than region IoU, points",
                self.fall.beyond,
                at_least=1,
            ),
            Check("U-Net with long skips: region IoU of the digits, %", self.rows[0].region, at_least=50),
            Check(f"{deepest}: branch over shortcut, median of blocks", self.change(deepest), at_most=0.5),
            Check("DenseNet: least read over most read, mean of layers", self.least(), at_least=0.3),
            Check("DenseNet: cosine of its kernels with their start", self.memory, at_most=0.2),
        )

    @property
    def finding(self) -> str:
        full, bare = self.rows[: len(KINDS)]
        deepest = self.blocks[-1].network
        ratios = [row.ratio for row in self.blocks if row.network == deepest]
        return (
            f"a block of {deepest} changes what its shortcut carries by {100 * self.change(deepest):.0f} % "
            f"(median; {100 * ratios[0]:.0f} % in the first, {100 * ratios[-1]:.0f} % in the last); a layer of the "
            f"DenseNet gives the source that it reads least {100 * self.least():.0f} % of the weight of the one it "
            f"reads most; without long skips the boundary IoU of a U-Net falls by {self.fall.boundary:.1f} points "
            f"({full.boundary:.1f} to {bare.boundary:.1f} %) and its region IoU by {self.fall.region:.1f} "
            f"({full.region:.1f} to {bare.region:.1f} %)"
        )

    def change(self, network: str) -> float:
        """Return the median over the blocks of a network of branch over shortcut."""
        return median(row.ratio for row in self.blocks if row.network == network)

    def least(self, block: int | None = None) -> float:
        """Return what a layer takes from the source it reads least, a mean over those that can choose."""
        layers = [(number, place) for number in (1, 2) for place in range(2, LAYERS + 2)]
        return fmean(
            min(row.relative for row in self.sources if (row.block, row.place) == layer)
            for layer in layers
            if block in (None, layer[0])
        )

    def table(self) -> Table:
        networks = dict.fromkeys(row.network for row in self.blocks)
        lines = [(name, "branch over shortcut, median", f"{self.change(name):.2f}") for name in networks]
        lines += [
            (f"DenseNet, block {block}", "least read over most read, mean", f"{self.least(block):.2f}")
            for block in (1, 2)
        ]
        for row in self.rows:
            name = NAMES[row.skips] if row.cut is None else f"that of {row.cut} px cut"
            for measure, value, deviation in (
                ("region", row.region, row.region_deviation),
                ("boundary", row.boundary, row.boundary_deviation),
            ):
                lines.append((name, f"{measure} IoU of the digits, %", f"{value:.1f} ± {deviation:.1f}"))
        return Table(("network", "measured", "value"), tuple(lines))

    def draw(self, figure: Figure) -> None:
        above, below = figure.subfigures(2, 1, squeeze=False).flat
        changes, first, second = above.subplots(1, 3, width_ratios=(1.3, 1, 1))
        self.draw_changes(changes)
        self.draw_sources(first, 1, "DenseNet: a layer reads all before it")
        self.draw_sources(second, 2, "But block 2 reads its input least")
        first.set(xlabel="layer that reads (next: the transition)", ylabel="layer that is read")
        second.set_xlabel("layer that reads (next: the classifier)")
        colours = above.colorbar(second.images[0], ax=[first, second], shrink=0.85)
        colours.set_label("mean |weight| (most read: 1)")
        bars, pictures = below.subfigures(1, 2, width_ratios=(1, 1.1))
        self.draw_overlaps(bars.subplots())
        self.draw_scenes(pictures)

    def draw_changes(self, axis: Axes) -> None:
        """Draw branch over shortcut along the depth."""
        networks = list(dict.fromkeys(row.network for row in self.blocks))
        for name, colour in zip(networks[::-1], cycle((RESIDUAL, THIRD, SIXTH, FIFTH)), strict=False):
            rows = [row for row in self.blocks if row.network == name]
            places = [row.block for row in rows]
            axis.plot(places, [row.untrained for row in rows], ":", color=colour, linewidth=1.3)
            axis.plot(places, [row.ratio for row in rows], "o-", color=colour, markersize=3.5, label=name)
        axis.plot([], ":", color=INK, linewidth=1.3, label="before training")
        axis.set(xlabel="block, from the input", ylabel="norm of branch over shortcut", ylim=(0, None))
        axis.set_title("ResNet: each block changes little")
        axis.legend()

    def draw_sources(self, axis: Axes, block: int, title: str) -> None:
        """Draw what each layer of a dense block takes from each source."""
        shares = np.full((LAYERS + 1, LAYERS + 1), np.nan)
        for row in self.sources:
            if row.block == block:
                shares[row.source, row.place - 1] = row.relative
        axis.imshow(shares, cmap="cividis", vmin=0, vmax=1)
        numbers = [str(number) for number in range(1, LAYERS + 1)]
        axis.set_xticks(range(LAYERS + 1), [*numbers, "next"])
        axis.set_yticks(range(LAYERS + 1), ["input", *numbers])
        axis.set_title(title)
        axis.grid(visible=False)

    def draw_overlaps(self, axis: Axes) -> None:
        """Draw both measures of each U-Net side by side."""
        for shift, name, colour in ((-0.2, "region", SIXTH), (0.2, "boundary", FIFTH)):
            values = [getattr(row, name) for row in self.rows]
            deviations = [getattr(row, f"{name}_deviation") for row in self.rows]
            places = [place + shift for place in range(len(self.rows))]
            bars = axis.bar(
                places, values, 0.38, yerr=deviations, color=colour, label=f"{name} IoU", ecolor=INK
            )
            axis.bar_label(bars, fmt="%.0f", color=INK, fontsize=9, padding=2)
        cuts = [f"skip of\n{size} px cut" for size in SIZES]
        axis.set_xticks(range(len(self.rows)), ["trained\nwith skips", "trained\nwithout", *cuts])
        axis.set(ylabel="IoU of the digits, %", ylim=(0, 118), yticks=range(0, 101, 20))
        axis.set_title("U-Net: without skips the boundary falls further")
        axis.grid(visible=False, axis="x")
        axis.legend(loc="upper right", ncols=2)
        axis.set_axisbelow(True)

    def draw_scenes(self, figure: SubFigure) -> None:
        """Draw some scenes, where their digits are, and what each U-Net found."""
        test = scenes(side=SIDE, counts={"test": SHOWN})["test"]
        rows = figure.subplots(SHOWN, 2 + len(self.drawn))
        for number, axes in enumerate(rows):
            axes[0].imshow(test.pictures[number, :, :, 0], cmap="gray", vmin=0, vmax=255)
            show_mask(axes[1], test.masks[number] > 0, INK)
            for axis, found in zip(axes[2:], self.drawn, strict=True):
                show_mask(axis, as_mask(found.masks[number]), COLOURS[found.skips])
        for axis in rows.flat:
            axis.set(xticks=[], yticks=[])
            axis.grid(visible=False)
            axis.spines[:].set_visible(True)
        rows[0, 0].set_title("What they find in two scenes")
        for axis, name in zip(rows[-1], ("scene", "truth", "with skips", "without"), strict=True):
            axis.set_xlabel(name)


def architectures(
    *,
    depths: Sequence[int] = (20, 56),
    seeds: int = 3,
    quick: bool = False,
    device: str = "cpu",
    data: str = "digits",
) -> Architectures:
    """Train networks of three families, and measure what their joins do.

    Args:
        depths: layers of the residual networks, 6n + 2.
        seeds: networks trained of each kind; the rows are means over them.
        quick: one seed, the deepest residual network alone, and half the training.
        device: where to compute, such as "cpu" or "cuda".
        data: what the residual networks and the DenseNet learn, as for `residua train`; the U-Net has scenes.
    """
    wanted = sorted(set(depths), reverse=True)[: 1 if quick else None]
    chosen = range(1 if quick else seeds)
    # The longest first, so that no core waits for one at the end.
    jobs: list[Job] = []
    for seed in chosen:
        jobs += [partial(segmented, skips, seed, quick=quick, device=device) for skips in KINDS]
    for seed in chosen:
        jobs += [partial(changed, depth, seed, quick=quick, data=data, device=device) for depth in wanted]
        jobs.append(partial(read_dense, seed, quick=quick, data=data, device=device))
    answers = on_all_cores(done, jobs, device=device)
    found = [answer for answer in answers if isinstance(answer, Segmented)]
    readings = [answer for answer in answers if isinstance(answer, Reading)]
    return Architectures(
        rows=tuple(skip_rows(found)),
        fall=fall(found),
        blocks=tuple(change_rows([answer for answer in answers if isinstance(answer, Changed)])),
        sources=tuple(source_rows(readings)),
        memory=fmean(one.memory for one in readings),
        drawn=tuple(Drawn(one.skips, one.masks) for one in found[: len(KINDS)]),
        data=data,
        seeds=len(chosen),
    )


def done(job: Job) -> Answer:
    """Train and measure one network."""
    return job()


def as_mask(text: Sequence[str]) -> np.ndarray:
    """Return a mask from its text.

    >>> as_mask(("01", "11")).tolist()
    [[False, True], [True, True]]
    """
    return np.array([[value == "1" for value in row] for row in text])


def show_mask(axis: Axes, mask: np.ndarray, colour: str) -> None:
    """Draw a mask in one colour, and nothing where it is empty."""
    axis.imshow(np.ma.masked_equal(mask, 0), cmap=ListedColormap([colour]), interpolation="nearest")
    axis.grid(visible=False)
