"""The whole job: from what the user named to a run folder with a model and a report in it."""

from collections.abc import Callable
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
    keep_rows,
    load_model,
    open_run,
    refuse_taken,
    write_json,
)
from residua.training.assemble import prepare
from residua.training.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from residua.training.determinism import reproducible
from residua.training.distributed import Ranks, joined, restarted
from residua.training.evaluate import Evaluation
from residua.training.foresight import foresee
from residua.training.loop import Job, Show, fit, write
from residua.training.mask_evaluation import MaskEvaluation
from residua.training.plan import Tell, make_plan, refuse_changed
from residua.training.processor import keep_memory, open_device
from residua.training.recipe import WAIT, Memory, Recipe, Settings, refuse_nonsense
from residua.training.record import located, read_config, read_record, whereabouts
from residua.training.seed import seed_everything
from residua.training.state import State
from residua.training.stop import noting_stops, saying_if_stopped
from residua.training.tasks import Task, reopen_task
from residua.training.together import (
    begun,
    fitted_to,
    heard,
    held,
    silent,
    waiting,
    watching,
    write_start,
)

Announce = Callable[[Recipe, dict[str, str], Source | MaskSource, Run], None]


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

    Processes that torchrun has started train it together; the first of them writes and tells, and a run that torchrun
    starts again goes on from its last checkpoint.

    Pictures with one class each give a classifier, pictures with masks a network that says a class of each pixel.

    Args:
        data: "digits" or "scenes", a folder of class folders or of images/ and masks/ (in train/, val/, test/ or not),
            a table, or shards of either, here or at a URL.
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
        LostProcess: another process of this training is gone.
        SaidElsewhere: what ended it is said by another process.
    """
    settings = settings or Settings()
    keep_memory()
    with (
        joined(settings.device, timeout=settings.timeout or WAIT) as ranks,
        reproducible(bool(settings.deterministic)) as unsure,
    ):
        tell, announce, show = heard(ranks, tell, announce, show)
        with ranks.agreeing():
            going_on = restarted(run, ranks)
        if ranks.told(going_on):
            return resume(str(run), tell=tell, announce=announce, show=show)
        with (
            saying_if_stopped("before the first step, so nothing was saved; the same command begins again"),
            ranks.agreeing(),
        ):
            refuse_taken(run)
            settings = fitted_to(settings, ranks)
            plan = make_plan(data, settings, skip_bad=skip_bad, tell=tell, processes=ranks.local_size)
            foreseen = foresee(plan) if exam and ranks.first else None
        # A search for a rate or a batch may end otherwise in another process.
        recipe, chosen = ranks.told((plan.recipe, plan.chosen))
        plan = replace(plan, recipe=recipe, chosen=chosen)
        folder = begun(run, plan, ranks)
        with held(folder, ranks), saying_if_stopped(at_once(folder)), noting_stops() as stop:
            if ranks.first:
                refuse_taken(folder.folder)  # by another process, between the look at it and the lock
                write_start(folder, plan, data, ranks)
            announce(recipe, chosen, plan.task.source, folder)
            job, state = prepare(recipe, plan.task, plan.network, folder, show, stop, ranks)
            for sentence in filter(None, (plan.said, foreseen)):
                write(job, EventRow(step=0, text=sentence))
            save_checkpoint(folder.checkpoints, state, ranks)
            fit_watched(job, state, unsure, exam=exam)
            return folder, ranks.awaited(partial(finish, folder, plan.task, str(data), recipe, tell))


def resume(
    run: str | Path,
    *,
    data: str | Path | None = None,
    device: str | None = None,
    memory: Memory | None = None,
    workers: int | None = None,
    tell: Tell = silent,
    announce: Announce = silent,
    show: Show = silent,
) -> tuple[Run, Evaluation | MaskEvaluation]:
    """Go on with a run from its newest checkpoint; on the CPU the end is that of a run never stopped, bit for bit.

    Args:
        run: its folder, or its bare name under `runs/`.
        data: where the data is now, if it has moved.
        device: to go on with, if it is not the one that the run began on.
        memory: what is kept for the gradient from here on, if it is not what was.
        workers: processes that read pictures from here on, if they are not as many as before.
        tell: told what is being done before and after the training itself.
        announce: told what is going to be done.
        show: told every row as it is measured.

    Raises:
        BadRun: there is no such run, or none of its checkpoints is whole.
        BadData: the data has changed.
        BadInput: the device is not here, or a setting makes no sense.
    """
    keep_memory()
    with joined(device, timeout=waiting(run)) as ranks:
        tell, announce, show = heard(ranks, tell, announce, show)
        with ranks.agreeing():
            folder = open_run(run)
            config, record = read_config(folder), read_record(folder)
            recipe = changed(config.config, device=device, memory=memory, workers=workers)
            open_device(recipe.device)
            where = whereabouts(record) if data is None else data
        with held(folder, ranks), reproducible(recipe.deterministic) as unsure:
            with saying_if_stopped(f"before it went on; {folder.folder} is as it was"), ranks.agreeing():
                task = reopen_task(where, record)
                task = task.loaded(partial(tell, "reading pictures"), ranks.local_size)
                refuse_changed(task, where)
            seed_everything(recipe.seed)
            network = build(config.network or task.spec(recipe))
            task.begin(network)
            network = network.to(open_device(recipe.device))
            with saying_if_stopped(at_once(folder)), noting_stops() as stop:
                job, state = prepare(recipe, task, network, folder, show, stop, ranks)
                damaged = put_back(folder, state, ranks)
                if data is not None and ranks.first:
                    moved = msgspec.structs.replace(record, data=str(data), located=located(data))
                    write_json(folder.data, moved)
                announce(recipe, config.chosen, task.source, folder)
                step = state.progress.step
                if ranks.first:
                    keep_rows(folder.metrics, until=step)
                for sentence in [*damaged, f"resumed from step {step}"]:
                    write(job, EventRow(step=step, text=sentence))
                fit_watched(job, state, unsure, exam=True)
                named = str(data or record.data)
                return folder, ranks.awaited(partial(finish, folder, task, named, recipe, tell))


def changed(recipe: Recipe, *, device: str | None, memory: Memory | None, workers: int | None) -> Recipe:
    """Return a recipe with what may change while it is trained.

    Raises:
        BadInput: a setting makes no sense.
    """
    refuse_nonsense(Settings(memory=memory, workers=workers, compile=recipe.compile))
    return replace(
        recipe,
        device=recipe.device if device is None else device,
        memory=recipe.memory if memory is None else memory,
        workers=recipe.workers if workers is None else workers,
    )


def put_back(run: Run, state: State, ranks: Ranks) -> list[str]:
    """Put the newest checkpoint into a state; return a sentence for each newer one that was damaged."""
    if ranks.told(bool(checkpoints(run.checkpoints))):
        return load_checkpoint(run.checkpoints, state, ranks)[1]
    # Killed before its first one: the seed gives that start again.
    save_checkpoint(run.checkpoints, state, ranks)
    return []


def fit_watched(job: Job, state: State, unsure: list[str], *, exam: bool) -> None:
    """Train to the end, and write down what could not be deterministic though it was to be."""
    with watching(job, state, exam=exam):
        fit(job, state)
    for sentence in unsure:
        write(job, EventRow(step=state.progress.step, text=sentence))


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
