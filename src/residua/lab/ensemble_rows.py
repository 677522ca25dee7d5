"""The rows of the ensemble claim: what its networks lose and how long their paths are, means over the seeds."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import nan
from statistics import fmean, median
from typing import Literal, final

from residua.lab.lesioned import Lesioned
from residua.lab.networks import Join, label, spec
from residua.lab.seeds import spread

STAGES = 3
PART = re.compile(r"stage(?P<stage>\d)\.(?P<block>\d+)\.(?:sum|branch\.conv(?P<layer>\d))")


@final
@dataclass(frozen=True, slots=True)
class EnsembleRow:
    """One network: a mean over the seeds beside each deviation.

    Attributes:
        network: its name.
        error: of the whole network on the test pictures, in percent.
        rise: of that without one part, in points: the median over the parts, each taken out alone.
        recounted: that median where batch norms count mean and deviation again, on the pictures of the test.
        blocks: on its paths, the mean of all paths; a plain network is one path.
        blocks_by_gradient: that mean where each path weighs as the gradient that comes by it.
    """

    network: str
    error: float
    error_deviation: float
    rise: float
    rise_deviation: float
    recounted: float
    recounted_deviation: float
    blocks: float
    blocks_by_gradient: float
    blocks_by_gradient_deviation: float


@final
@dataclass(frozen=True, slots=True)
class PartRow:
    """What one part is worth: a block of a residual network, or a layer of a plain one.

    Attributes:
        network: its name.
        part: the block, or the convolution that was taken out with its norm.
        position: its middle among the layers of the stages, from 0 to 1.
        first: whether it is the first block of a stage.
        rise: of the test error without it, in points.
        deviation: over the seeds.
    """

    network: str
    part: str
    position: float
    first: bool
    rise: float
    deviation: float


@final
@dataclass(frozen=True, slots=True)
class SeveralRow:
    """A residual network without several blocks, or with several swaps: means over draws and seeds.

    Attributes:
        network: its name.
        change: what was done.
        count: blocks that were deleted, or pairs that changed places.
        kendall: rank correlation of the new order of the blocks with the old one.
        rise: of the test error, in points.
        deviation: over draws and seeds.
    """

    network: str
    change: Literal["deleted", "swapped"]
    count: int
    kendall: float
    rise: float
    deviation: float


@final
@dataclass(frozen=True, slots=True)
class LengthRow:
    """The paths of one length through a residual network: means over the seeds.

    Attributes:
        network: its name.
        length: blocks on such a path; it passes the others by their shortcuts.
        paths: how many there are.
        share_of_paths: of all.
        factor: by which each block on such a path changes its gradient: the geometric mean of its blocks.
        share_of_gradient: that comes by all of them, the norms of single paths added up.
        deviation: of that share, over the seeds.
    """

    network: str
    length: int
    paths: int
    share_of_paths: float
    factor: float
    share_of_gradient: float
    deviation: float


def summary(join: Join, depth: int, runs: Sequence[Lesioned]) -> EnsembleRow:
    """Return the row of one network from its seeds."""
    errors = [run.error for run in runs]
    rises = [median(row.change for row in run.removed) for run in runs]
    recounted = [median(row.change for row in run.recounted) for run in runs]
    blocks = float(sum(spec(depth, join).depths))
    # A plain network is one path, of all its blocks; a dead one has no gradient to weigh paths with.
    weighed = [sum(row.length * row.share_of_gradient for row in run.paths) or blocks for run in runs]
    return EnsembleRow(
        label(depth, join),
        fmean(errors),
        spread(errors),
        fmean(rises),
        spread(rises),
        fmean(recounted),
        spread(recounted),
        blocks if join == "none" else blocks / 2,
        fmean(weighed),
        spread(weighed),
    )


def part_rows(network: str, runs: Sequence[Lesioned]) -> Iterator[PartRow]:
    """Walk the parts of one network from its input on."""
    last = runs[0].removed[-1].blocks[0]
    for rows in zip(*(run.removed for run in runs), strict=True):
        part = rows[0].blocks[0]
        changes = [row.change for row in rows]
        yield PartRow(network, part, *standing(part, last), fmean(changes), spread(changes))


def standing(part: str, last: str) -> tuple[float, bool]:
    """Return the position of a part, and whether it is the first block of a stage.

    Args:
        part: "stage1.0.sum" or "stage1.0.branch.conv1".
        last: the last part of that network, which says how many blocks a stage has.

    >>> standing("stage1.0.sum", "stage3.2.sum"), standing("stage3.2.branch.conv2", "stage3.2.branch.conv2")
    ((0.05555555555555555, True), (0.9722222222222222, False))
    """
    found, end = PART.fullmatch(part), PART.fullmatch(last)
    assert found and end
    blocks, layer = int(end["block"]) + 1, found["layer"]
    middle = int(found["block"]) + (0.5 if layer is None else (int(layer) - 0.5) / 2)
    return (int(found["stage"]) - 1 + middle / blocks) / STAGES, found["block"] == "0" and layer is None


def several_rows(network: str, runs: Sequence[Lesioned]) -> Iterator[SeveralRow]:
    """Walk what several blocks are worth together, and then what their order is."""
    deleted = [(len(row.blocks), row.change, 1.0) for run in runs for row in run.several]
    swapped = [(row.swaps, row.change, row.kendall) for run in runs for row in run.swapped]
    changes: tuple[tuple[Literal["deleted", "swapped"], list[tuple[int, float, float]]], ...] = (
        ("deleted", deleted),
        ("swapped", swapped),
    )
    for change, found in changes:
        for count, rows in groupby(sorted(found), key=lambda row: row[0]):
            _, rises, orders = zip(*rows, strict=True)
            yield SeveralRow(network, change, count, fmean(orders), fmean(rises), spread(rises))


def length_rows(network: str, runs: Sequence[Lesioned]) -> Iterator[LengthRow]:
    """Walk the lengths of the paths of one network, from no block to all of them; none for a plain network."""
    for rows in zip(*(run.paths for run in runs), strict=True):
        length, shares = rows[0].length, [row.share_of_gradient for row in rows]
        # There is no number where training has killed a network.
        norms = [row.mean_norm / (run.paths[0].mean_norm or nan) for row, run in zip(rows, runs, strict=True)]
        yield LengthRow(
            network,
            length,
            rows[0].paths,
            rows[0].share_of_paths,
            fmean(norm ** (1 / max(length, 1)) for norm in norms),
            fmean(shares),
            spread(shares),
        )
