"""Batch norm tames residual networks, at a price (Ioffe & Szegedy 2015, arXiv:1502.03167).

Bjorck et al. 2018 (arXiv:1806.02375) find that its use is mostly that it allows larger learning rates: without it
the signal grows with depth and a large step makes it explode, with it every layer is brought back to mean 0 and
deviation 1. Luo et al. 2019 (arXiv:1809.00846) describe how the statistics of a random batch regularise. The same
noise is too much in batches of one or two, and a single value cannot be normalised at all. He et al. 2016
(arXiv:1603.05027, figure 4) try five orders of norm, ReLU, convolution and add.

Traps: eps keeps the deviation a little below 1, the more the smaller the variance is. And a learning rate is not
what trains a network best but what trains it at all; after a few epochs the highest of those look as if they failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from matplotlib.figure import Figure

from residua.lab.batch_statistics import NoiseRow, Step, StepRow, noise, refused, steps
from residua.lab.claim import Check, Claim, Table
from residua.lab.fitting import Fit, fit
from residua.lab.networks import label, untrained
from residua.lab.norm_trainings import (
    LEARNT,
    QUICK_START,
    START,
    BatchRow,
    CostRow,
    OrderRow,
    RateRow,
    batch_rows,
    cost_rows,
    largest,
    on_one_core,
    order_rows,
    rate_rows,
)
from residua.lab.normalisation_figure import (
    ORDERS,
    WORDS,
    draw_batches,
    draw_costs,
    draw_noise,
    draw_orders,
    draw_rates,
    draw_steps,
)
from residua.lab.samples import Samples, samples
from residua.nets.spec import Norm
from residua.report.drawing import panels

DEPTH = 20
SMALL_DEPTH = 8
"""A batch of one takes as many steps as there are pictures, so the networks for small batches are small."""
ORDER_DEPTH = 56
QUICK_ORDER_DEPTH = 38
BATCH = 256
NOISE_BATCHES = (4, 8, 16, 32, 64, 128, 256)
SMALL_BATCHES = (1, 2, 4, 16)
DRAWS = 1000
RATE_EPOCHS = 15
ORDER_EPOCHS = 10
MEBIBYTE = 2**20


@final
@dataclass(frozen=True)
class Normalisation(Claim):
    """What batch norm does, what it allows, and what it costs.

    Attributes:
        rows: every learning rate that was tried.
        steps: what the steps of each norm make of a real batch, in a trained network.
        noise: of the statistics of random batches.
        batches: what is learned from small batches.
        orders: of norm, ReLU, convolution and add.
        costs: of a step.
        guess: the error of one who guesses among the classes, in percent.
        refused: what PyTorch says where there is one value a channel.
        data: what was learned.
        seeds: networks trained for each set-up.
    """

    rows: tuple[RateRow, ...]
    steps: tuple[StepRow, ...]
    noise: tuple[NoiseRow, ...]
    batches: tuple[BatchRow, ...]
    orders: tuple[OrderRow, ...]
    costs: tuple[CostRow, ...]
    guess: float
    refused: str
    data: str
    seeds: int

    name: ClassVar[str] = "normalisation"
    title: ClassVar[str] = "Batch norm tames residual networks"
    size: ClassVar[tuple[float, float]] = (12.5, 7.6)

    @property
    def gain(self) -> float:
        """How many times higher the learning rate may be with batch norm."""
        return largest(self.rows, "batch") / largest(self.rows, "none")

    def off(self, step: Step) -> float:
        """Return how far any channel is from mean 0 and deviation 1 after a step, at most."""
        rows = [row for row in self.steps if row.step == step]
        means = max(abs(mean) for row in rows for mean in row.means)
        return max(means, *(abs(deviation - 1) for row in rows for deviation in row.deviations))

    @property
    def checks(self) -> tuple[Check, ...]:
        missed = max(100 * abs(row.mean / row.expected_mean - 1) for row in self.noise)
        return (
            Check(
                "second step: largest distance from mean 0 and deviation 1", self.off("divided"), at_most=1e-5
            ),
            Check(f"{label(DEPTH, 'sum')}: largest rate, batch norm over none", self.gain, at_least=5),
            Check("noise of the batch mean: largest distance from theory, %", missed, at_most=5),
        )

    @property
    def finding(self) -> str:
        few, grouped = self.learned("batch", 1), self.learned("group", 1)
        normed = self.cost("batch")
        return (
            f"{label(DEPTH, 'sum')} trains at rates up to {largest(self.rows, 'batch'):.2g} with batch norm and "
            f"{largest(self.rows, 'none'):.2g} without, {self.gain:.0f} times; after its second step every channel "
            f"is within {self.off('divided'):.0e} of mean 0 and deviation 1 (within "
            f"{self.off('divided, with eps'):.0e} with eps); batches of 1 leave {few.test_error:.0f} % test error, "
            f"with group norm {grouped.test_error:.0f} %; a step takes {normed.times:.2f} times as long and "
            f"keeps {normed.kept / self.cost('none').kept:.2f} times as much; of five orders at "
            f"{self.orders[0].layers} layers {ORDERS[self.best.order]} trains best"
        )

    @property
    def best(self) -> OrderRow:
        """The order with the least test error."""
        return min(self.orders, key=lambda row: row.test_error)

    def learned(self, norm: Norm, batch: int) -> BatchRow:
        """Return what was learned with batches of one size."""
        return next(row for row in self.batches if (row.norm, row.batch) == (norm, batch))

    def cost(self, norm: Norm) -> CostRow:
        """Return what a step costs with one norm."""
        return next(row for row in self.costs if row.norm == norm)

    def table(self) -> Table:
        lines = [
            (f"largest rate that trains: {WORDS[norm]}", f"{largest(self.rows, norm):.2g}", "")
            for norm in ("batch", "none")
        ]
        lines += [
            (f"noise of the mean: batches of {row.batch}", f"{row.mean:.3f}", f"{row.expected_mean:.3f}")
            for row in (self.noise[0], self.noise[-1])
        ]
        lines += [
            (
                f"test error, %: {WORDS[row.norm]}, batches of {row.batch}",
                f"{row.test_error:.1f} ± {row.test_deviation:.1f}",
                "",
            )
            for row in self.batches
        ]
        lines += [
            (
                f"step: {WORDS[row.norm]}",
                f"{1000 * row.seconds:.1f} ms, {row.kept / MEBIBYTE:.1f} MiB kept",
                "",
            )
            for row in self.costs
        ]
        lines += [
            (
                f"train, test, %: {ORDERS[row.order]}",
                f"{row.train_error:.1f} ± {row.train_deviation:.1f}, {row.test_error:.1f} ± {row.test_deviation:.1f}",
                f"{row.published}",
            )
            for row in self.orders
        ]
        return Table(("what", "measured", "known"), tuple(lines))

    def draw(self, figure: Figure) -> None:
        three, rates, noisy, small, costs, orders = panels(
            figure,
            "Three steps: centre, divide, learn",
            f"It allows {self.gain:.0f} times the rate",
            "Small batches, noisy statistics",
            "Too few pictures for a batch norm",
            "A norm doubles what a step keeps",
            "A clean shortcut trains best",
            rows=2,
        )
        figure.set_layout_engine("constrained", hspace=0.06, wspace=0.05)
        draw_steps(three, self.steps)
        draw_rates(rates, self.rows, guess=self.guess)
        draw_noise(noisy, self.noise)
        draw_batches(small, self.batches)
        draw_costs(costs, self.costs)
        draw_orders(orders, self.orders)


def normalisation(
    *, seeds: int = 3, quick: bool = False, device: str = "cpu", data: str = "digits"
) -> Normalisation:
    """Measure what batch norm does to a batch, which trainings it makes possible, and what it costs.

    Args:
        seeds: networks trained for each set-up.
        quick: one seed, two sizes of small batches, and the five orders at 38 layers for half as long.
        device: where to compute, such as "cpu" or "cuda".
        data: what to learn, as for `residua train`.
    """
    seeds = 1 if quick else seeds
    pictures = samples(data, device=device)
    with on_one_core():
        seen, noises = statistics(pictures, epochs=5 if quick else 10)
    return Normalisation(
        rows=rate_rows(
            DEPTH,
            start=QUICK_START if quick else START,
            epochs=RATE_EPOCHS,
            seeds=seeds,
            data=data,
            device=device,
        ),
        steps=seen,
        noise=noises,
        batches=batch_rows(
            SMALL_DEPTH, (1, 16) if quick else SMALL_BATCHES, seeds=seeds, data=data, device=device
        ),
        orders=order_rows(
            QUICK_ORDER_DEPTH if quick else ORDER_DEPTH,
            epochs=ORDER_EPOCHS // 2 if quick else ORDER_EPOCHS,
            seeds=seeds,
            data=data,
            device=device,
        ),
        costs=cost_rows(DEPTH, rounds=3 if quick else 15, steps=2, data=data, device=device),
        guess=100 * (1 - 1 / pictures.classes),
        refused=refused(),
        data=data,
        seeds=seeds,
    )


def statistics(pictures: Samples, *, epochs: int) -> tuple[tuple[StepRow, ...], tuple[NoiseRow, ...]]:
    """Train one network, and return what its norms make of a batch and how noisy batches are."""
    model = untrained(DEPTH, "sum", pictures, seed=0)
    fit(model, pictures.batch(LEARNT), Fit(epochs=epochs), seed=0)
    images, _ = pictures.batch(LEARNT)
    fitting: Sequence[int] = [size for size in NOISE_BATCHES if size < len(images)]
    rows = noise(model, images, fitting, draws=DRAWS, generator=torch.Generator().manual_seed(0))
    return steps(model, images[:BATCH]), tuple(rows)
