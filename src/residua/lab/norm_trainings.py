"""What batch norm is worth in training: the rates it allows, the batches it needs, its order and its cost.

A learning rate trains a network if the error on the training pictures ends at half of chance or below. The rate is
doubled until it does not: the one before is the largest that trains. A few rates above it may train by luck, which
differs from seed to seed. Fifteen epochs are needed, because with batch norm a high rate first makes the weights
grow, and only on large weights are its steps small enough to learn.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Final, final

import torch

from residua.lab.cores import on_all_cores
from residua.lab.fitting import Fit, error, fit
from residua.lab.networks import spec
from residua.lab.samples import Samples, samples
from residua.lab.seeds import seeded, spread
from residua.look import saved_bytes
from residua.nets.build import build
from residua.nets.network import Network
from residua.nets.spec import Norm, Order

LEARNT = 5000
"""Of more training pictures, so many are learned: the trainings are meant to be short."""
START: Final[dict[Norm, float]] = {"batch": 0.5, "none": 1 / 32}
"""A rate at which digits are learned; the search goes up from there, or down where it is too high."""
QUICK_START: Final[dict[Norm, float]] = {"batch": 1.0, "none": 1 / 16}
"""Nearer to where most searches end, which spares a training each."""
TRIALS = 12
PER_PICTURE = 1 / 512
"""Small batches are learned at this rate times their size: what a picture moves is then the same in all."""
PUBLISHED: Final[dict[Order, float]] = {
    "original": 6.61,
    "norm_after_sum": 8.17,
    "relu_before_sum": 7.84,
    "relu_preact": 6.71,
    "full_preact": 6.37,
}
"""Test error of ResNet-110 on CIFAR-10 in percent (He et al. 2016, table 2)."""


@final
@dataclass(frozen=True, slots=True)
class RateRow:
    """One network trained at one learning rate; its error is in percent."""

    norm: Norm
    seed: int
    rate: float
    train_error: float
    trains: bool


@final
@dataclass(frozen=True, slots=True)
class BatchRow:
    """Networks trained with batches of one size: errors in percent, mean and deviation over the seeds."""

    norm: Norm
    batch: int
    train_error: float
    train_deviation: float
    test_error: float
    test_deviation: float


@final
@dataclass(frozen=True, slots=True)
class OrderRow:
    """Networks of one order of norm, ReLU, convolution and add: errors in percent; `published` is that of He et al."""

    order: Order
    layers: int
    train_error: float
    train_deviation: float
    test_error: float
    test_deviation: float
    published: float


@final
@dataclass(frozen=True, slots=True)
class CostRow:
    """What a step of training costs: its seconds, and the bytes kept from forward to backward pass.

    Attributes:
        norm: of the network.
        seconds: median over all rounds.
        times: over the seconds without a norm in the same round, the median.
        kept: bytes.
    """

    norm: Norm
    seconds: float
    times: float
    kept: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One network to train."""

    depth: int
    seed: int
    how: Fit
    norm: Norm = "batch"
    order: Order = "original"
    data: str
    device: str


def network(task: Training, pictures: Samples) -> Network:
    """Return the fresh network of a training, where its pictures are."""
    made = spec(
        task.depth,
        "sum",
        channels=pictures.channels,
        classes=pictures.classes,
        size=pictures.size,
        order=task.order,
        norm=task.norm,
    )
    with seeded(task.seed):
        return build(made).to(task.device)


def trained(task: Training) -> tuple[float, float]:
    """Train a network and return its errors on what it has learned and on the test, in percent."""
    pictures = samples(task.data, device=task.device)
    model, learnt = network(task, pictures), pictures.batch(LEARNT)
    fit(model, learnt, task.how, seed=task.seed)
    return error(model, learnt), error(model, pictures.test)


def rate_rows(
    depth: int, *, start: Mapping[Norm, float], epochs: int, seeds: int, data: str, device: str
) -> tuple[RateRow, ...]:
    """Return every learning rate that was tried with and without batch norm, up to the first that fails."""
    tasks = [
        Training(depth=depth, seed=seed, norm=norm, how=Fit(epochs=epochs, lr=rate), data=data, device=device)
        for norm, rate in start.items()
        for seed in range(seeds)
    ]
    return tuple(row for rows in on_all_cores(search, tasks, device=device) for row in rows)


def search(task: Training) -> tuple[RateRow, ...]:
    """Double the rate of a training until it fails, or halve one that fails until it trains."""
    rows = [at_rate(task, task.how.lr)]
    factor = 2.0 if rows[0].trains else 0.5
    while rows[-1].trains == rows[0].trains and len(rows) < TRIALS:
        rows.append(at_rate(task, factor * rows[-1].rate))
    return tuple(sorted(rows, key=lambda row: row.rate))


def at_rate(task: Training, rate: float) -> RateRow:
    """Train at one rate and say whether it does."""
    chance = 100 * (1 - 1 / samples(task.data, device=task.device).classes)
    missed, _ = trained(replace(task, how=replace(task.how, lr=rate)))
    return RateRow(task.norm, task.seed, rate, missed, missed <= chance / 2)


def largest(rows: Sequence[RateRow], norm: Norm) -> float:
    """Return the largest rate that trains, the mean of the seeds in the log; no number if a seed has none."""
    found = []
    for seed in {row.seed for row in rows}:
        rates = [row.rate for row in rows if (row.norm, row.seed) == (norm, seed) and row.trains]
        found.append(math.log(max(rates)) if rates else math.nan)
    return math.exp(fmean(found))


def batch_rows(
    depth: int, batches: Sequence[int], *, seeds: int, data: str, device: str
) -> tuple[BatchRow, ...]:
    """Train with batches of a few pictures for one epoch, with batch norm and with group norm."""
    kinds: list[tuple[Norm, int]] = [(norm, batch) for batch in batches for norm in ("batch", "group")]
    tasks = [
        Training(
            depth=depth,
            seed=seed,
            norm=norm,
            how=Fit(epochs=1, batch=batch, lr=PER_PICTURE * batch),
            data=data,
            device=device,
        )
        for norm, batch in kinds
        for seed in range(seeds)
    ]
    answers = iter(on_all_cores(trained, tasks, device=device))
    return tuple(
        BatchRow(norm, batch, *summary([next(answers) for _ in range(seeds)])) for norm, batch in kinds
    )


def order_rows(depth: int, *, epochs: int, seeds: int, data: str, device: str) -> tuple[OrderRow, ...]:
    """Train networks of one depth in each of the five orders."""
    tasks = [
        Training(depth=depth, seed=seed, order=order, how=Fit(epochs=epochs), data=data, device=device)
        for order in PUBLISHED
        for seed in range(seeds)
    ]
    answers = iter(on_all_cores(trained, tasks, device=device))
    return tuple(
        OrderRow(order, depth, *summary([next(answers) for _ in range(seeds)]), published)
        for order, published in PUBLISHED.items()
    )


def summary(errors: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Return mean and deviation of the training errors, and those of the test errors.

    >>> summary([(0.0, 2.0), (0.0, 2.0)])
    (0.0, 0.0, 2.0, 0.0)
    """
    train, test = zip(*errors, strict=True)
    return fmean(train), spread(train), fmean(test), spread(test)


def cost_rows(depth: int, *, rounds: int, steps: int, data: str, device: str) -> tuple[CostRow, ...]:
    """Time training steps with and without norms, in turn: what else the machine does then hits all alike."""
    pictures = samples(data, device=device)
    kinds: tuple[Norm, ...] = ("none", "batch", "group")
    how = Fit(epochs=1, lr=1e-3)
    models = {
        norm: network(Training(depth=depth, seed=0, norm=norm, how=how, data=data, device=device), pictures)
        for norm in kinds
    }
    batch = pictures.batch(how.batch)
    kept = {norm: saved_bytes(model.train(), batch) for norm, model in models.items()}
    timed: dict[Norm, list[float]] = {norm: [] for norm in kinds}
    with on_one_core():
        for _ in range(rounds + 1):
            for norm, model in models.items():
                began = time.perf_counter()
                fit(model, pictures.batch(steps * how.batch), how, seed=0)
                timed[norm].append((time.perf_counter() - began) / steps)
    without = timed["none"][1:]  # the first round also makes room in memory
    return tuple(
        CostRow(
            norm,
            median(timed[norm][1:]),
            median(one / other for one, other in zip(timed[norm][1:], without, strict=True)),
            kept[norm],
        )
        for norm in kinds
    )


@contextmanager
def on_one_core() -> Iterator[None]:
    """Compute with one thread, as the trainings side by side do; networks this small gain nothing by a second."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
