"""The whole job: from what the user named to a run folder with a model and a report in it."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from residua.data import Source
from residua.data.masks import MaskSource
from residua.nets.build import build
from residua.runs import (
    EventRow,
    Run,
    append_row,
    describe_environment,
    keep_rows,
    load_model,
    locked,
    new_run,
    open_run,
    refuse_taken,
    write_json,
)
from residua.training.assemble import prepare
from residua.training.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from residua.training.evaluate import Evaluation
from residua.training.foresight import foresee, watched
from residua.training.loop import Show, fit, write
from residua.training.mask_evaluation import MaskEvaluation
from residua.training.network import short_name
from residua.training.plan import Tell, make_plan, readable
from residua.training.processor import keep_memory, open_device
from residua.training.recipe import Recipe, Settings
from residua.training.record import FORMAT, Config, located, read_config, read_record, whereabouts
from residua.training.seed import seed_everything
from residua.training.stop import noting_stops, saying_if_stopped
from residua.training.tasks import Task, reopen_task

Announce = Callable[[Recipe, dict[str, str], Source | MaskSource, Run], None]


def silent(*_: object) -> None:
    """Show nothing."""


def train(
    data: str | Path,
    settings: Settings | None = None,
    *,
    run: str | Path | None = None,
    skip_bad: bool = False,
    exam: bool = True,
    tell: Tell = silent,
    announce: Announce = silent,
    show: Show = silent,
) -> tuple[Run, Evaluation | MaskEvaluation]:
    """Train a network on pictures, evaluate it, and leave a run folder behind.

    Pictures with one class each give a classifier, pictures with masks a network that says a class of each pixel.

    Args:
        data: "digits" or "scenes", a folder of class folders or of images/ and masks/ (in train/, val/, test/ or not),
            or a table.
        settings: what to do; the rest is chosen by the data and the machine, and written down.
        run: path of the run folder, or a bare name under `runs/`; made up from the data if not given.
        skip_bad: leave unreadable pictures out instead of stopping.
        exam: take the still exam before the first step, and watch the training.
        tell: told what is being done before and after the training itself.
        announce: told what is going to be done, before the first step.
        show: told every row as it is measured.

    Returns:
        the run, and its scores on the test split (on val where there is no test).

    Raises:
        BadData: the data cannot be used as it is.
        BadInput: a setting makes no sense.
        WillNotTrain: the exam is sure that nothing will come of it.
        BadRun: the run folder cannot be written.
        Interrupted: it was asked to stop; the message says what is saved.
        Diverged: the loss is no longer finite.
    """
    settings = settings or Settings()
    keep_memory()
    with saying_if_stopped("before the first step, so nothing was saved; the same command begins again"):
        refuse_taken(run)
        plan = make_plan(data, settings, skip_bad=skip_bad, tell=tell)
        foreseen = foresee(plan) if exam else None
    recipe, task, network = plan.recipe, plan.task, plan.network
    folder = new_run(run, stem=f"{task.source.name}-{short_name(recipe.model)}")
    with locked(folder), saying_if_stopped(at_once(folder)), noting_stops() as stop:
        write_json(folder.environment, describe_environment(open_device(recipe.device)))
        write_json(folder.data, task.record(data))
        write_json(folder.config, Config(FORMAT, recipe, plan.chosen, network.spec))
        announce(recipe, plan.chosen, task.source, folder)
        job, state = prepare(recipe, task, network, folder, show, stop)
        if plan.said:
            write(job, EventRow(step=0, text=plan.said))
        if foreseen:
            write(job, EventRow(step=0, text=foreseen))
        save_checkpoint(folder.checkpoints, state)
        with watched(job, state) if exam else nullcontext():
            fit(job, state)
        return folder, finish(folder, task, str(data), recipe, tell)


def resume(
    run: str | Path,
    *,
    data: str | Path | None = None,
    device: str | None = None,
    tell: Tell = silent,
    announce: Announce = silent,
    show: Show = silent,
) -> tuple[Run, Evaluation | MaskEvaluation]:
    """Go on with a run from its newest checkpoint; on the CPU the end is that of a run never stopped, bit for bit.

    Args:
        run: its folder, or its bare name under `runs/`.
        data: where the data is now, if it has moved.
        device: to go on with, if it is not the one that the run began on.
        tell: told what is being done before and after the training itself.
        announce: told what is going to be done.
        show: told every row as it is measured.

    Raises:
        BadRun: there is no such run, or none of its checkpoints is whole.
        BadData: the data has changed.
        BadInput: the device is not here.
    """
    keep_memory()
    folder = open_run(run)
    config, record = read_config(folder), read_record(folder)
    recipe = config.config if device is None else replace(config.config, device=device)
    open_device(recipe.device)
    where = whereabouts(record) if data is None else data
    with locked(folder):
        with saying_if_stopped(f"before it went on; {folder.folder} is as it was"):
            task = reopen_task(where, record).loaded(partial(tell, "reading pictures"))
            task = readable(task, where, skip_bad=False)
        seed_everything(recipe.seed)
        network = build(config.network or task.spec(recipe))
        task.begin(network)
        network = network.to(open_device(recipe.device))
        with saying_if_stopped(at_once(folder)), noting_stops() as stop:
            job, state = prepare(recipe, task, network, folder, show, stop)
            if checkpoints(folder.checkpoints):
                damaged = load_checkpoint(folder.checkpoints, state)[1]
            else:  # killed before its first one: the seed gives the same start again
                damaged = []
                save_checkpoint(folder.checkpoints, state)
            if data is not None:
                moved = msgspec.structs.replace(record, data=str(data), located=located(data))
                write_json(folder.data, moved)
            announce(recipe, config.chosen, task.source, folder)
            step = state.progress.step
            keep_rows(folder.metrics, until=step)
            for sentence in [*damaged, f"resumed from step {step}"]:
                row = EventRow(step=step, text=sentence)
                append_row(folder.metrics, row)
                show(row)
            with watched(job, state):
                fit(job, state)
            return folder, finish(folder, task, str(data or record.data), recipe, tell)


def at_once(run: Run) -> str:
    """Return what a person is told who could not wait for a run to save itself."""
    return f"at once; `residua resume {run.folder}` goes on from its last checkpoint"


def finish(run: Run, task: Task, data: str, recipe: Recipe, tell: Tell) -> Evaluation | MaskEvaluation:
    """Evaluate the kept weights on val and test, and write both down."""
    model = load_model(run.folder)
    evaluation = None
    for name in ("val", "test"):
        if name in task.source.splits:
            tell(f"scoring {name}", 0, 0)
            evaluation = task.evaluate(model, name, data, recipe.device, run.evaluation)
    assert evaluation is not None, "every source has val"
    return evaluation
