"""What a job does otherwise where it is one of several processes: the first of them writes and speaks."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from residua.errors import BadInput, ResiduaError
from residua.runs import Run, describe_environment, locked, new_run, open_run, read_json, write_json
from residua.training.distributed import Ranks, launch
from residua.training.foresight import watched
from residua.training.loop import Job
from residua.training.network import short_name
from residua.training.plan import Plan
from residua.training.processor import open_device
from residua.training.recipe import WAIT, Settings
from residua.training.record import FORMAT, Config
from residua.training.state import State


def silent(*_: object) -> None:
    """Show nothing."""


def heard(ranks: Ranks, *listeners: Any) -> tuple[Any, ...]:
    """Return those that are told how a training goes on; in all processes but the first they hear nothing."""
    return listeners if ranks.first else (silent,) * len(listeners)


def fitted_to(settings: Settings, ranks: Ranks) -> Settings:
    """Refuse what several processes cannot do, or only they can; return the settings, the memory decided for them.

    Raises:
        BadInput: with the reason.
    """
    if settings.sharded and not ranks.together:
        raise BadInput(
            "--sharded divides a network among processes, and this one is alone; start them by "
            "`torchrun --nproc-per-node 8 -m residua train ...`"
        )
    if settings.compile and ranks.together:
        raise BadInput("--compile is for one process; leave it out, or train without torchrun")
    if not ranks.together:
        return settings
    if settings.on_bad_batch == "skip":
        raise BadInput(
            "--on-bad-batch skip is for one process, as the others would wait for its part of the batch; leave it "
            "out, or train without torchrun"
        )
    if settings.memory not in (None, "plain"):
        raise BadInput(
            f"--memory {settings.memory} is for one process; leave it out, and divide the network by --sharded, "
            "or train without torchrun"
        )
    return replace(settings, memory="plain")


def begun(run: str | Path | None, plan: Plan, ranks: Ranks) -> Run:
    """Return the folder of a new run, made by the first process."""
    with ranks.agreeing():
        stem = f"{plan.task.source.name}-{short_name(plan.recipe.model)}"
        folder = new_run(run, stem=stem) if ranks.first else None
    folder = ranks.told(folder)
    assert folder is not None, "the first process has made it"
    return folder


@contextmanager
def held(run: Run, ranks: Ranks) -> Iterator[None]:
    """Hold a run for writing, by the first process.

    Raises:
        BadRun: another training holds it.
    """
    with locked(run) if ranks.first else nullcontext():
        yield


def write_start(run: Run, plan: Plan, data: str | Path, ranks: Ranks) -> None:
    """Write what a run begins with."""
    environment = describe_environment(open_device(plan.recipe.device))
    write_json(run.environment, environment | {"processes": ranks.size, "launch": launch()})
    write_json(run.data, plan.task.record(data))
    write_json(run.config, Config(FORMAT, plan.recipe, plan.chosen, plan.network.spec))


@contextmanager
def watching(job: Job, state: State, *, exam: bool) -> Iterator[None]:
    """Watch a training within, if it is asked for: by the first process, and not where it holds but a part."""
    watcher = exam and job.ranks.first and not job.recipe.sharded
    with watched(job, state) if watcher else nullcontext():
        yield


def waiting(run: str | Path) -> int:
    """Return how many seconds the processes of a run wait for each other; what cannot be read is refused later."""
    try:
        return read_json(open_run(run).config, Config).config.timeout
    except ResiduaError:
        return WAIT
