"""The whole job: from what the user named to a run folder with a model and a report in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from residua.data import (
    Description,
    Preprocess,
    Source,
    describe,
    load,
    open_source,
    reopen,
)
from residua.errors import BadData, BadRun
from residua.runs import (
    EventRow,
    Row,
    Run,
    append_row,
    describe_environment,
    keep_rows,
    load_model,
    locked,
    new_run,
    open_run,
    write_json,
)
from residua.training.assemble import build_for, prepare, searched
from residua.training.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from residua.training.evaluate import Evaluation, evaluate_split, write_evaluation
from residua.training.loop import Show, fit
from residua.training.processor import keep_memory, open_device
from residua.training.recipe import Recipe, Settings, decide
from residua.training.seed import seed_everything
from residua.training.stop import noting_stops

FORMAT = 1


class Config(msgspec.Struct, frozen=True):
    """What `config.json` holds: the recipe, and for what was chosen, the reason."""

    format: int
    config: Recipe
    chosen: dict[str, str]


def silent(row: Row) -> None:
    """Show nothing."""


def train(
    data: str | Path,
    settings: Settings | None = None,
    *,
    run: str | None = None,
    skip_bad: bool = False,
    show: Show = silent,
    announce: Callable[[Recipe, dict[str, str], Source, Run], None] | None = None,
) -> tuple[Run, Evaluation]:
    """Train a classifier on pictures, evaluate it, and leave a run folder behind.

    Args:
        data: "digits", a folder of class folders (in train/, val/, test/ or not), or a table.
        settings: what to do; the rest is chosen by the data and the machine, and written down.
        run: name or path of the run folder; made up from the data if not given.
        skip_bad: leave unreadable pictures out instead of stopping.
        show: told every row as it is measured.
        announce: told what is going to be done, before the first step.

    Returns:
        the run, and its scores on the test split (on val where there is no test).

    Raises:
        BadData: the data cannot be used as it is.
        BadInput: a setting makes no sense.
        BadRun: the run folder cannot be written.
        Interrupted: it was asked to stop, and has saved itself.
        Diverged: the loss is no longer finite.
    """
    settings = settings or Settings()
    keep_memory()
    seed = settings.seed or 0
    source = open_source(data, seed=seed)
    preprocess = Preprocess.for_source(source, settings.image_size)
    source = readable(load(source, preprocess), data, skip_bad)
    recipe, chosen = decide(settings, source, preprocess, str(data))
    device = open_device(recipe.device)
    seed_everything(recipe.seed)
    network = build_for(recipe, source)
    recipe, chosen = searched(recipe, chosen, settings, network, source, preprocess)
    folder = new_run(run, stem=f"{source.name}-{recipe.model}")
    with locked(folder), noting_stops() as stop:
        write_json(folder.environment, describe_environment(device))
        write_json(folder.data, data_record(source, str(data), preprocess))
        write_json(folder.config, Config(FORMAT, recipe, chosen))
        if announce:
            announce(recipe, chosen, source, folder)
        job, state = prepare(recipe, source, preprocess, network, folder, show, stop)
        save_checkpoint(folder.checkpoints, state)
        fit(job, state)
        return folder, finish(folder, source, str(data), recipe)


def resume(
    run: str | Path,
    *,
    data: str | Path | None = None,
    show: Show = silent,
    announce: Callable[[Recipe, dict[str, str], Source, Run], None] | None = None,
) -> tuple[Run, Evaluation]:
    """Go on with a run from its newest checkpoint; on the CPU the end is that of a run never stopped, bit for bit.

    Args:
        run: its folder.
        data: where the data is now, if it has moved.
        show: told every row as it is measured.
        announce: told what is going to be done.

    Raises:
        BadRun: there is no such run, or none of its checkpoints is whole.
        BadData: the data has changed.
    """
    keep_memory()
    folder = open_run(run)
    try:
        config = msgspec.json.decode(folder.config.read_bytes(), type=Config)
        record = msgspec.json.decode(folder.data.read_bytes(), type=DataRecord)
    except (msgspec.DecodeError, OSError) as error:
        raise BadRun(f"{folder.folder} cannot be resumed: {error}") from error
    recipe = config.config
    named = str(data or recipe.data)
    source = readable(load(reopen(named, record.description), record.preprocess), named, skip_bad=False)
    seed_everything(recipe.seed)
    network = build_for(recipe, source)
    with locked(folder), noting_stops() as stop:
        job, state = prepare(recipe, source, record.preprocess, network, folder, show, stop)
        if checkpoints(folder.checkpoints):
            damaged = load_checkpoint(folder.checkpoints, state)[1]
        else:  # killed before its first one: the seed gives the same start again
            damaged = []
            save_checkpoint(folder.checkpoints, state)
        step = state.progress.step
        keep_rows(folder.metrics, until=step)
        for sentence in [*damaged, f"resumed from step {step}"]:
            append_row(folder.metrics, EventRow(step=step, text=sentence))
        if announce:
            announce(recipe, config.chosen, source, folder)
        fit(job, state)
        return folder, finish(folder, source, named, recipe)


class DataRecord(msgspec.Struct, frozen=True):
    """What `data.json` holds: the data in short for a reader, and whole for a resume."""

    data: str
    classes: tuple[str, ...]
    splits: dict[str, Any]
    notes: tuple[str, ...]
    preprocess: Preprocess
    description: Description


def data_record(source: Source, data: str, preprocess: Preprocess) -> DataRecord:
    """Return what is to be written of the data."""
    splits = {
        name: {"samples": len(split), "counts": list(split.counts().values())}
        for name, split in source.splits.items()
    }
    return DataRecord(data, source.classes, splits, source.notes, preprocess, describe(source))


def readable(source: Source, data: str | Path, skip_bad: bool) -> Source:
    """Leave out the pictures that could not be read if asked to, else refuse.

    Raises:
        BadData: some cannot be read.
    """
    bad = source.bad
    if not bad:
        return source
    if skip_bad:
        return source.without(bad)
    first = "\n".join(f"  {file.name}: {file.reason}" for file in bad[:10])
    more = f"\n  and {len(bad) - 10:,} more" if len(bad) > 10 else ""
    raise BadData(
        f"{len(bad):,} {'picture' if len(bad) == 1 else 'pictures'} in {data} cannot be read:\n{first}{more}\n"
        "Repair or remove them, or leave them out with --skip-bad"
    )


def finish(run: Run, source: Source, data: str, recipe: Recipe) -> Evaluation:
    """Evaluate the kept weights on val and test, and write both down."""
    model = load_model(run.folder, recipe.device)
    evaluation = None
    for name in ("val", "test"):
        if name in source.splits:
            evaluation = evaluate_split(model, source.splits[name], data, recipe.device)
            write_evaluation(run.evaluation, evaluation, source.splits[name], model.preprocess)
    assert evaluation is not None, "every source has val"
    return evaluation
