"""The loop: epochs of steps, and after each a look at pictures that were not trained on.

It takes any model from pictures to logits and any batches; it knows no network.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from signal import Signals
from typing import final

from torch import Tensor, nn

from residua.data import Batch, UnreadableBatch
from residua.data.masks import MaskBatch
from residua.errors import BadData, BadRun, Diverged, Interrupted, LostProcess, OutOfMemory, ResiduaError
from residua.optim import learning_rate
from residua.runs import EpochRow, EventRow, Row, Run, StepRow, append_row
from residua.training import shortage
from residua.training.checkpoint import save_checkpoint
from residua.training.distributed import ALONE, Ranks
from residua.training.diverged import BadBatch, first_weight_not_finite
from residua.training.recipe import Recipe
from residua.training.seed import seed_part
from residua.training.skipping import blamed, in_the_batch, may_be_skipped
from residua.training.state import State
from residua.training.step import Stepper
from residua.training.stop import Stop
from residua.training.tasks.task import TrainingBatches, Validation

STEP_ROW_EVERY = 10
SAVE_SECONDS = 60
"""A checkpoint is written this long after the last, or at the end of an epoch after a sixth of it."""

Show = Callable[[Row], None]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A training under way: all that the loop needs and does not change.

    Attributes:
        recipe: what to do.
        run: where to write.
        stepper: how a step is taken.
        training: batches to learn from.
        names: of the pictures that they are made of.
        ready: puts the model into training mode for an epoch.
        right: how many classes a batch got right, and of how many.
        score: what the score is called by which weights are compared.
        validate: scores the averaged weights, or raises Diverged.
        keep: writes the averaged weights as the model to use, given its scores.
        show: told every row, for a person to see.
        stop: whether somebody asked to stop.
        ranks: the processes that train together; only the first writes.
    """

    recipe: Recipe
    run: Run
    stepper: Stepper
    training: TrainingBatches
    names: Sequence[str]
    ready: Callable[[nn.Module, int], None]
    right: Callable[[Tensor, Tensor], tuple[int, int]]
    score: str
    validate: Callable[[State], Validation]
    keep: Callable[[State, dict[str, float]], None]
    show: Show
    stop: Stop
    ranks: Ranks = ALONE

    @property
    def steps_an_epoch(self) -> int:
        """Optimiser steps; batches left over at the end make a last, smaller one."""
        return -(-len(self.training) // self.recipe.accumulate)


def fit(job: Job, state: State) -> None:
    """Train from wherever `state` is to the end of the recipe.

    Raises:
        Interrupted: it was asked to stop, and has saved itself.
        Diverged: loss or gradient is not finite; the last checkpoint is from before.
        BadData: a picture can no longer be read as it was.
        LostProcess: a process that reads pictures is gone.
        OutOfMemory: a step does not fit.
        BadRun: a row or a checkpoint cannot be written.
    """
    progress = state.progress
    saved_at = time.monotonic()
    while not progress.done:
        try:
            saved_at = run_epoch(job, state, saved_at)
            close_epoch(job, state)
            if progress.done or any(job.ranks.most(time.monotonic() - saved_at > SAVE_SECONDS / 6)):
                save(job, state)
                saved_at = time.monotonic()
        except (BadData, BadRun, Diverged, LostProcess, OutOfMemory) as error:
            told = ended(error, job, state)
            with suppress(BadRun):  # the disk may be what is wrong
                write(job, EventRow(step=progress.step, text=str(told)))
            raise told from None


def run_epoch(job: Job, state: State, saved_at: float) -> float:
    """Train to the end of the epoch; return when the last checkpoint was written."""
    progress, recipe = state.progress, job.recipe
    job.ready(state.model, progress.epoch)
    began = time.monotonic() - progress.seconds
    pending, loss = 0, 0.0
    for batch in readable(job, state):
        found = add_gradient(job, state, batch)
        progress.batch += 1
        if found is not None:
            pending, loss = pending + 1, found
        if not pending or (pending < recipe.accumulate and progress.batch < len(job.training)):
            continue
        saved_at = move(job, state, loss, began, saved_at)
        pending = 0
    if pending:  # the last batch was skipped, and gradients of those before it wait
        saved_at = move(job, state, loss, began, saved_at)
    return saved_at


def readable(job: Job, state: State) -> Iterator[Batch | MaskBatch]:
    """Give the rest of the epoch, less the batches of which a picture cannot be read if they may be skipped."""
    progress = state.progress
    while True:
        try:
            yield from job.training.epoch(progress.epoch, start=progress.batch)
        except UnreadableBatch as error:
            skip(job, state, error)
            progress.batch += 1
            continue
        return


def add_gradient(job: Job, state: State, batch: Batch | MaskBatch) -> float | None:
    """Add the gradient of a batch; return its loss, or None where it is skipped."""
    progress = state.progress
    if job.ranks.together:
        seed_part(job.recipe.seed, progress.epoch, progress.batch, job.ranks.rank)
    try:
        loss, logits = shortage.add_gradient(job.stepper, batch, job.recipe)
    except BadBatch as error:
        named = chain(*job.ranks.gathered(in_the_batch(batch, job.names, error.rows)))
        skip(job, state, BadBatch(blamed(error, list(named)), pictures=error.pictures))
        return None
    count(job, state, loss, logits, batch.targets)
    return loss


def move(job: Job, state: State, loss: float, began: float, saved_at: float) -> float:
    """Take a step, tell of it, save if it is time, and end if it was asked for; return when was last saved."""
    progress, recipe = state.progress, job.recipe
    total = recipe.epochs * job.steps_an_epoch
    lr = learning_rate(progress.step, steps=total, peak=recipe.lr, warmup=recipe.warmup)
    try:
        norm = job.stepper.move(lr)
    except BadBatch as error:
        skip(job, state, error)
        return saved_at
    progress.step += 1
    state.average.update(state.model, progress.step)
    progress.seconds = time.monotonic() - began
    row = StepRow(step=progress.step, epoch=progress.epoch, loss=loss, lr=lr, gradient_norm=norm)
    job.show(row)
    if progress.step % STEP_ROW_EVERY == 0:
        append(job, row)
    stopping, saving = job.ranks.most(job.stop.number, time.monotonic() - saved_at > SAVE_SECONDS)
    if stopping:
        save(job, state)
        raise Interrupted(
            f"stopped by {Signals(stopping).name} after step {progress.step} of {total}; everything is saved: "
            f"`residua resume {job.run.folder}` goes on"
        )
    if saving:
        save(job, state)
        return time.monotonic()
    return saved_at


def skip(job: Job, state: State, error: BadBatch | UnreadableBatch) -> None:
    """Write down that a batch is skipped.

    Raises:
        BadBatch, UnreadableBatch: `error`, if batches are not to be skipped or too many of this epoch are bad.
        Diverged: a weight is not finite, so that no batch would be better.
    """
    progress = state.progress
    if job.recipe.on_bad_batch == "stop":
        raise error
    refuse_not_finite(state)
    if not may_be_skipped(progress.skipped, len(job.training)):
        raise error
    progress.skipped += 1
    text = f"skipped batch {progress.batch + 1} of epoch {progress.epoch}: {error}"
    write(job, EventRow(step=progress.step, text=text))


def count(job: Job, state: State, loss: float, logits: Tensor, targets: Tensor) -> None:
    """Add a batch, over all processes, to the sums of the epoch."""
    progress = state.progress
    seen, right, counted = job.ranks.sums(len(logits), *job.right(logits, targets))
    progress.loss += loss * seen
    progress.seen += seen
    progress.right += right
    progress.counted += counted


def close_epoch(job: Job, state: State) -> None:
    """Validate, write the row, keep the weights if they are the best, and turn to the next epoch.

    Raises:
        Diverged: the validation loss or a weight is not finite; nothing is written.
    """
    progress, recipe = state.progress, job.recipe
    found = job.validate(state)
    refuse_not_finite(state)
    total = recipe.epochs * job.steps_an_epoch
    row = EpochRow(
        epoch=progress.epoch,
        step=progress.step,
        seconds=progress.seconds,
        train_loss=progress.loss / progress.seen,
        train_accuracy=progress.right / progress.counted if progress.counted else None,
        val_loss=found.loss,
        val_accuracy=found.accuracy,
        val_mean_iou=found.mean_iou,
        lr=learning_rate(progress.step - 1, steps=total, peak=recipe.lr, warmup=recipe.warmup),
        images_per_second=progress.seen / max(progress.seconds, 1e-9),
    )
    write(job, row)
    as_good = found.deciding >= progress.best  # of equals the later one is kept: it was trained for longer
    if found.deciding > progress.best:
        progress.best, progress.best_epoch = found.deciding, progress.epoch
    if (
        as_good or not recipe.patience
    ):  # a schedule that runs to its end is best there; val is too small to judge
        job.keep(state, {"epoch": progress.epoch, **found.metrics()})
    progress.done = progress.epoch >= recipe.epochs or stops_early(job, state)
    progress.epoch += 1
    progress.batch, progress.loss, progress.seconds = 0, 0.0, 0.0
    progress.seen, progress.right, progress.counted, progress.skipped = 0, 0, 0, 0


def stops_early(job: Job, state: State) -> bool:
    """Return whether the validation score has not risen for as long as the recipe waits, and say so."""
    progress, patience = state.progress, job.recipe.patience
    waited = progress.epoch - progress.best_epoch
    if not 0 < patience <= waited:
        return False
    text = (
        f"stopped early after epoch {progress.epoch} of {job.recipe.epochs}: no better validation {job.score} in "
        f"{waited} epochs (--patience {patience}) than the {progress.best:.2%} of epoch {progress.best_epoch}"
    )
    write(job, EventRow(step=progress.step, text=text))
    return True


def write(job: Job, row: Row) -> None:
    """Append a row to those of the run, and show it."""
    append(job, row)
    job.show(row)


def append(job: Job, row: Row) -> None:
    """Append a row to those of the run."""
    if job.ranks.first:
        append_row(job.run.metrics, row)


def save(job: Job, state: State) -> None:
    """Write a checkpoint.

    Raises:
        BadRun: the disk is full or read-only.
        Diverged: a weight is not finite; the last good checkpoint is worth more.
    """
    refuse_not_finite(state)
    save_checkpoint(job.run.checkpoints, state, job.ranks)


def refuse_not_finite(state: State) -> None:
    """Raise `Diverged` for weights, or an average of them, that are not finite."""
    for kind, weights in (("weights", state.model.state_dict()), ("averaged weights", state.average.weights)):
        if place := first_weight_not_finite(weights):
            raise Diverged(f"the {kind} are not finite; the first that is not: {place}")


def ended(error: ResiduaError, job: Job, state: State) -> ResiduaError:
    """Return the error with where it happened and what to do."""
    progress = state.progress
    epoch = min(progress.epoch, job.recipe.epochs)  # after the last it stands at one more
    said = f"training stopped after step {progress.step}, in epoch {epoch}: {error}"
    if isinstance(error, Diverged):
        remedy = f"Try a lower learning rate (--lr {job.recipe.lr / 10:g}), or --lr auto"
        if isinstance(error, BadBatch) and error.pictures:
            remedy = "Repair those pictures, or leave such batches out with --on-bad-batch skip"
        return Diverged(f"{said}. Nothing was saved over the last good checkpoint. {remedy}")
    if isinstance(error, OutOfMemory):
        return OutOfMemory(said)
    kind = next(base for base in (BadData, BadRun, LostProcess) if isinstance(error, base))
    return kind(f"{said}; `residua resume {job.run.folder}` goes on from the last checkpoint")
