"""The whole job: from what the user named to a run folder with a model and a report in it."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from residua.data import (
    Augment,
    Batches,
    Description,
    Preprocess,
    Source,
    describe,
    load,
    open_source,
    reopen,
)
from residua.errors import BadData, BadInput, BadRun
from residua.nets.build import build
from residua.nets.network import Network
from residua.nets.presets import spec as spec_named
from residua.nets.spec import ResNetSpec, UNetSpec
from residua.objective import balanced_weights, score
from residua.optim import Average, make_optimizer
from residua.runs import (
    EventRow,
    Model,
    Row,
    Run,
    append_row,
    describe_environment,
    keep_rows,
    load_model,
    locked,
    new_run,
    open_run,
    save_model,
    write_json,
)
from residua.runs.model import card_of
from residua.training.checkpoint import load_checkpoint, save_checkpoint
from residua.training.evaluate import BATCH, Evaluation, answers, evaluate_split, write_evaluation
from residua.training.finder import find_lr, fitting_batch
from residua.training.loop import Job, Show, fit
from residua.training.processor import keep_memory, open_device
from residua.training.recipe import Recipe, Settings, decide
from residua.training.seed import seed_everything
from residua.training.state import State
from residua.training.step import Stepper
from residua.training.stop import Stop, noting_stops

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
        _, damaged = load_checkpoint(folder.checkpoints, state)
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


def build_for(recipe: Recipe, source: Source) -> Network:
    """Build the network of a recipe for the classes of a source.

    Raises:
        BadInput: it is no classifier, or a setting does not fit it.
    """
    spec = spec_named(recipe.model)
    if isinstance(spec, UNetSpec):
        raise BadInput(
            f"{recipe.model} gives a class for every pixel; for one class a picture take resnet18 or another"
        )
    if recipe.stochastic_depth or recipe.zero_init:
        if not isinstance(spec, ResNetSpec) or spec.join == "none":
            raise BadInput(
                f"--stochastic-depth and --zero-init are of residual blocks; {recipe.model} has none"
            )
        spec = msgspec.structs.replace(
            spec, stochastic_depth=recipe.stochastic_depth, zero_init=recipe.zero_init
        )
    return build(
        spec, classes=len(source.classes), in_channels=source.channels, image_size=recipe.image_size
    ).to(open_device(recipe.device))


def searched(
    recipe: Recipe,
    chosen: dict[str, str],
    settings: Settings,
    network: Network,
    source: Source,
    preprocess: Preprocess,
) -> tuple[Recipe, dict[str, str]]:
    """Replace what was asked for as "auto" by what a search on a copy finds."""
    if settings.batch_size == "auto":
        image = torch.zeros(1, preprocess.channels, preprocess.size, preprocess.size, device=recipe.device)
        batch, how = fitting_batch(
            network, image, most=min(512, 1 << (len(source.splits["train"]).bit_length() - 4))
        )
        recipe, chosen = (
            replace(recipe, batch_size=max(2, batch)),
            chosen | {"batch_size": f"the most that fits: {how}"},
        )
    if settings.lr == "auto":
        batches = training_batches(recipe, source, preprocess)

        def pairs() -> Iterator[tuple[Tensor, Tensor]]:
            for batch in batches.epoch(0):
                yield batch.images.to(recipe.device), batch.targets.to(recipe.device)

        found = find_lr(network, pairs(), recipe)
        recipe = replace(recipe, lr=found)
        chosen = chosen | {"lr": "a third of where the loss was lowest in a range test on a copy"}
    return recipe, chosen


def training_batches(recipe: Recipe, source: Source, preprocess: Preprocess) -> Batches:
    """Return the batches to learn from."""
    augment = Augment.for_source(
        source, preprocess, strength=recipe.augment, mixup=recipe.mixup, cutmix=recipe.cutmix
    )
    return Batches(
        source.splits["train"],
        preprocess,
        augment=augment,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        shuffle=True,
        workers=recipe.workers or None,
        drop_last=True,
    )


def prepare(
    recipe: Recipe, source: Source, preprocess: Preprocess, network: Network, run: Run, show: Show, stop: Stop
) -> tuple[Job, State]:
    """Put together all that the loop needs."""
    device = open_device(recipe.device)
    if recipe.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack it
    optimizer = make_optimizer(
        network,
        kind=recipe.optimizer,
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )
    weights = None
    if recipe.class_weights:
        weights = balanced_weights(list(source.splits["train"].counts().values())).to(device)
    stepper = Stepper(
        model=network,
        forward=torch.compile(network) if recipe.compile else network,
        optimizer=optimizer,
        device=device,
        amp=recipe.amp,
        channels_last=recipe.channels_last,
        smoothing=recipe.label_smoothing,
        weights=weights,
        clip=recipe.clip,
        accumulate=recipe.accumulate,
    )
    state = State(network, Average(network, decay=recipe.ema), optimizer)
    averaged = copy.deepcopy(network)
    validation = Batches(
        source.splits["val"], preprocess, augment=None, batch_size=BATCH, seed=0, shuffle=False
    )

    def validate(state: State) -> tuple[float, float]:
        averaged.load_state_dict(state.average.weights)
        logits, labels, _ = answers(averaged, validation, device, amp=recipe.amp)
        found = score(logits, labels, source.classes)
        return found.loss, found.top1

    def keep(state: State, metrics: dict[str, float]) -> None:
        model = Model(name=recipe.model, network=averaged, classes=source.classes, preprocess=preprocess)
        save_model(run.folder, card_of(model, metrics), state.average.weights)

    job = Job(
        recipe=recipe,
        run=run,
        stepper=stepper,
        training=training_batches(recipe, source, preprocess),
        validate=validate,
        keep=keep,
        show=show,
        stop=stop,
    )
    return job, state


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
