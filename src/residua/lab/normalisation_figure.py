"""The six panels of the claim on batch norm, each drawn from its rows."""

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes

from residua.lab.batch_statistics import NoiseRow, Step, StepRow
from residua.lab.norm_trainings import BatchRow, CostRow, OrderRow, RateRow
from residua.nets.spec import Norm, Order
from residua.report.drawing import FIFTH, FOURTH, INK, PLAIN, RESIDUAL, THIRD

COLOURS: Final[dict[Norm, str]] = {"batch": RESIDUAL, "group": THIRD, "none": PLAIN}
WORDS: Final[dict[Norm, str]] = {"batch": "batch norm", "group": "group norm", "none": "no norm"}
ORDERS: Final[dict[Order, str]] = {
    "original": "original",
    "norm_after_sum": "norm after add",
    "relu_before_sum": "ReLU before add",
    "relu_preact": "ReLU-only pre-activation",
    "full_preact": "full pre-activation",
}


def draw_steps(axis: Axes, rows: Sequence[StepRow]) -> None:
    """Draw mean and deviation of every channel after each step."""
    shown: dict[Step, tuple[str, str, int]] = {
        "before": (PLAIN, "o", 3),
        "centred": (FIFTH, "o", 3),
        "learned": (RESIDUAL, "^", 4),
        "divided": (INK, "D", 8),
    }
    for step, (colour, marker, size) in shown.items():
        these = [row for row in rows if row.step == step]
        means = [mean for row in these for mean in row.means]
        deviations = [deviation for row in these for deviation in row.deviations]
        axis.plot(
            means, deviations, marker, color=colour, markersize=size, alpha=0.6, markeredgewidth=0, label=step
        )
    axis.set_yscale("log", base=2)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set(xlabel="mean of a channel over the batch", ylabel="its deviation")
    axis.legend(loc="lower right", handletextpad=0.1)


def draw_rates(axis: Axes, rows: Sequence[RateRow], *, guess: float) -> None:
    """Draw the training error of each seed by learning rate, up to the first rate that fails."""
    for norm in ("none", "batch"):
        for seed in sorted({row.seed for row in rows}):
            these = [row for row in rows if (row.norm, row.seed) == (norm, seed)]
            rates, errors = [row.rate for row in these], [row.train_error for row in these]
            name = WORDS[norm] if seed == 0 else None
            axis.plot(rates, errors, "o-", color=COLOURS[norm], linewidth=1.2, label=name)
    axis.axhline(guess / 2, color=INK, linestyle="--", linewidth=1.2, label="half of chance")
    axis.set_xscale("log", base=2)
    rates = sorted({row.rate for row in rows})
    axis.set_xticks(rates, [f"{rate:g}" if rate >= 1 else f"1/{1 / rate:g}" for rate in rates])
    axis.set(xlabel="highest learning rate", ylabel="train error of each seed, %", ylim=(-4, 120))
    axis.legend(ncols=2, loc="upper left")


def draw_noise(axis: Axes, rows: Sequence[NoiseRow]) -> None:
    """Draw how far mean and variance of a batch scatter, beside theory."""
    sizes = [row.batch for row in rows]
    for expected in ([row.expected_mean for row in rows], [row.expected_variance for row in rows]):
        axis.plot(sizes, expected, "--", color=INK, linewidth=1.2)
    axis.plot(sizes, [row.variance for row in rows], "s", color=FIFTH, label="variance (of the channel: 1)")
    axis.plot(sizes, [row.mean for row in rows], "o", color=RESIDUAL, label="mean (channel's deviation: 1)")
    axis.plot([], "--", color=INK, label="theory")
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.yaxis.set_minor_formatter("")
    axis.set_yticks([0.03, 0.1, 0.3], ["0.03", "0.1", "0.3"])
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.set(xlabel="pictures in the batch", ylabel="deviation from batch to batch")
    axis.legend(loc="lower left")


def draw_batches(axis: Axes, rows: Sequence[BatchRow]) -> None:
    """Draw the test error by the size of the batch."""
    for norm in ("batch", "group"):
        these = [row for row in rows if row.norm == norm]
        axis.errorbar(
            [row.batch for row in these],
            [row.test_error for row in these],
            [row.test_deviation for row in these],
            fmt="o-",
            color=COLOURS[norm],
            label=WORDS[norm],
        )
    sizes = sorted({row.batch for row in rows})
    axis.set_xscale("log", base=2)
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.set(xlabel="pictures in the batch", ylabel="test error after one epoch, %")
    axis.set_ylim(bottom=0)
    axis.legend()


def draw_costs(axis: Axes, rows: Sequence[CostRow]) -> None:
    """Draw time and memory of a step with each norm, over those without."""
    without = next(row for row in rows if row.norm == "none")
    for shift, row in zip((-0.19, 0.19), (row for row in rows if row.norm != "none"), strict=True):
        times = row.times, row.kept / without.kept
        bars = axis.bar([shift, 1 + shift], times, 0.34, color=COLOURS[row.norm], label=WORDS[row.norm])
        axis.bar_label(bars, [f"{value:.2f}" for value in times], color=INK, padding=2)
    axis.axhline(1, color=INK, linestyle="--", linewidth=1.2)
    axis.set_xticks([0, 1], ["time of a step", "memory for\nthe gradient"])
    axis.set(ylabel="times as without norm")
    axis.margins(y=0.3)
    axis.grid(visible=False, axis="x")
    axis.legend(ncols=2, loc="upper left")


def draw_orders(axis: Axes, rows: Sequence[OrderRow]) -> None:
    """Draw the errors of each order, and the published test error."""
    places = range(len(rows))
    tested, deviations = [row.test_error for row in rows], [row.test_deviation for row in rows]
    axis.barh(places, tested, 0.6, xerr=deviations, color=RESIDUAL, ecolor=INK, label="test error")
    trained = [row.train_error for row in rows]
    axis.plot(trained, places, "o", color=FIFTH, label="train error", clip_on=False)
    published = [row.published for row in rows]
    name = "He et al.: test error,\nResNet-110, CIFAR-10"
    axis.plot(published, places, "D", color=FOURTH, label=name)
    axis.set_yticks(places, [ORDERS[row.order].replace(" pre", "\npre") for row in rows])
    axis.set_ylim(len(rows) + 0.9, -0.5)  # the first on top, and room for the legend below the last
    axis.grid(visible=False, axis="y")
    axis.set(xlabel=f"error at {rows[0].layers} layers, %", xlim=(0, None))
    axis.legend(loc="lower right", ncols=2, columnspacing=1)
