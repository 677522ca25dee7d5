"""What the exam says of a training before its first step, and while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from residua.errors import WillNotTrain
from residua.exam import Cause, Diagnosis, diagnose, watch
from residua.optim import make_optimizer
from residua.runs import EventRow
from residua.training.loop import Job, write
from residua.training.plan import Plan
from residua.training.processor import open_device
from residua.training.state import State

SURE: Final = 0.02
"""A training less likely than this to come to anything is not begun."""


def foresee(plan: Plan) -> str:
    """Take the still exam of a training that is about to begin, and return its one line.

    Raises:
        WillNotTrain: it is sure that nothing will come of it.
    """
    recipe, device = plan.recipe, open_device(plan.recipe.device)
    inputs, targets = plan.task.examples()
    found = diagnose(
        plan.network,
        (inputs.to(device), targets.to(device)),
        loss=plan.task.loss(recipe, device),
        optimizer=make_optimizer(
            plan.network,
            kind=recipe.optimizer,
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        ),
        depth="still",
        steps=recipe.steps(len(plan.task.source.splits["train"])),
    )
    line = in_one_line(found)
    if found.probability < SURE:
        raise WillNotTrain(
            f"{line}. Nothing was begun. `residua examine {recipe.model} --data {recipe.data}` tries what helps; "
            "--no-exam trains it all the same"
        )
    return line


def in_one_line(found: Diagnosis) -> str:
    """Return the verdict, its probability and the first cause, if it is worth a word."""
    said = f"exam: {found.verdict}, with a probability of {100 * found.probability:.0f} %"
    return f"{said}; {in_words(found.causes[0])}" if found.causes else said


def in_words(cause: Cause) -> str:
    """Return a cause with its layer and its evidence."""
    return f"{cause.name}{f', from {cause.layer}' if cause.layer else ''}: {cause.evidence}"


@contextmanager
def watched(job: Job, state: State) -> Iterator[None]:
    """Watch the training within, and write what is found among the rows of the run when it is found."""

    def note(cause: Cause) -> None:
        write(job, EventRow(step=state.progress.step, text=f"seen in training: {in_words(cause)}"))

    if job.recipe.compile:  # a compiled network may not have hooks
        yield
        return
    with watch(state.model, state.optimizer, tell=note):
        yield
