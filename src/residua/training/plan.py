"""All that is decided before a run begins: the pictures are read, the recipe is complete, the network is built."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import final

from torch import Tensor

from residua.data.listing import bulleted
from residua.errors import BadData, BadInput
from residua.nets.build import build
from residua.nets.network import Network
from residua.training.finder import find_lr, fitting_batch
from residua.training.finetune import beginning, fine_tuning, normalised, taken_over
from residua.training.kernels import kernels
from residua.training.network import spec_of
from residua.training.processor import open_device
from residua.training.recipe import Recipe, Settings, refuse_nonsense
from residua.training.seed import seed_everything
from residua.training.tasks import Task, decide, open_task, usual_batch
from residua.training.weights import open_weights

Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much; 0 of 0 where nobody can say."""

LARGEST_BATCH = 512


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A training that can begin.

    Attributes:
        recipe: with nothing left open.
        chosen: the reasons for what the user left open.
        task: what it is for, its pictures each read once.
        network: on its device, with its first weights.
        said: where its weights come from, if they are not new.
    """

    recipe: Recipe
    chosen: dict[str, str]
    task: Task
    network: Network
    said: str | None = None


def make_plan(
    data: str | Path, settings: Settings, *, skip_bad: bool, tell: Tell, processes: int = 1
) -> Plan:
    """Decide everything; what can be refused is refused before the pictures are read.

    Args:
        data: as the user named them.
        settings: what the user asked for.
        skip_bad: leave unreadable pictures out instead of refusing them.
        tell: told what is being done.
        processes: that share the memory of this machine.

    Raises:
        UnknownName, BadSpec: no such network, or none that can be built.
        BadInput: a setting makes no sense.
        BadData: the data cannot be used as it is.
        BadRun: there are no such weights, or they do not fit the network.
    """
    refuse_nonsense(settings)
    open_device(settings.device)
    if settings.kernels and kernels() is None:
        raise BadInput(
            "--kernels: there is no C++ compiler here that can make them; install one such as g++, or leave it out"
        )
    weights = None if settings.weights is None else open_weights(settings.weights)
    asked = settings
    if weights:
        settings = taken_over(settings, weights, data)
    if settings.model is not None:
        spec_of(settings.model)
    tell("looking at the pictures", 0, 0)
    task = open_task(data, settings, tell=partial(tell, "looking through the data"))
    task.spec(decide(task, settings, str(data))[0])
    task = task.loaded(partial(tell, "reading pictures"), processes, every=skip_bad)
    task = readable(task, data, skip_bad)
    recipe, chosen = decide(task, settings, str(data))  # with the pictures that were left out
    seed_everything(recipe.seed)
    network = build(task.spec(recipe))
    task.begin(network)
    # Over what the task began: a head that comes with the weights is kept as it is.
    start = beginning(weights, network, task.source.classes) if weights else None
    if weights and start:
        task = normalised(task, weights, start)
    network = network.to(open_device(recipe.device))
    plan = Plan(recipe=recipe, chosen=chosen, task=task, network=network)
    if settings.batch_size == "auto":
        plan = with_fitting_batch(plan, settings, tell)
    if weights and start:
        tuned = fine_tuning(plan.recipe, plan.chosen, asked, weights, start)
        plan = replace(plan, recipe=tuned.recipe, chosen=tuned.chosen, said=tuned.said)
    return with_found_lr(plan, tell) if settings.lr == "auto" else plan


def readable(task: Task, data: str | Path, skip_bad: bool) -> Task:
    """Leave out the pictures that could not be read if asked to, else refuse.

    Raises:
        BadData: some cannot be read.
    """
    if not task.source.bad:
        return task
    if skip_bad:
        return task.without(task.source.bad)
    raise task.unusable(data)


def refuse_changed(task: Task, data: str | Path) -> None:
    """Refuse to go on with pictures that cannot be read as they could when the run began.

    Raises:
        BadData: there are some.
    """
    if task.source.bad:
        named = bulleted(f"{name}: {why}" for name, why in task.source.bad)
        raise BadData(
            f"{data} is not as it was when the run began:\n{named}\n"
            "Put the pictures back as they were, or start a new run"
        )


def with_fitting_batch(plan: Plan, settings: Settings, tell: Tell) -> Plan:
    """Return the plan with a batch that fits in memory, and the learning rate that suits it."""
    tell("looking for the batch that fits", 0, 0)
    image = plan.task.sample().to(plan.recipe.device)
    fits, how = fitting_batch(plan.network, image, plan.recipe.memory)
    most = usual_batch(len(plan.task.source.splits["train"]), most=LARGEST_BATCH)
    batch = min(fits, most)
    why = f"the most that fits: {how}"
    if most < fits:
        why = f"16 to {LARGEST_BATCH} by the size of the set; {fits:,} would fit"
    # Decided again: the usual learning rate depends on the batch.
    recipe, chosen = decide(plan.task, replace(settings, batch_size=batch), plan.recipe.data)
    return replace(plan, recipe=recipe, chosen=chosen | {"batch_size": why})


def with_found_lr(plan: Plan, tell: Tell) -> Plan:
    """Return the plan with the learning rate that a search on a copy finds."""
    batches = plan.task.batches(plan.recipe)

    def pairs() -> Iterator[tuple[Tensor, Tensor]]:
        for epoch in count():
            for batch in batches.epoch(epoch):
                yield batch.images.to(plan.recipe.device), batch.targets.to(plan.recipe.device)

    # A search is for the rate alone: weights of the classes would only add to its noise.
    loss = plan.task.loss(replace(plan.recipe, class_weights=False), open_device(plan.recipe.device))
    found = find_lr(
        plan.network, pairs(), plan.recipe, loss=loss, tell=partial(tell, "looking for a learning rate")
    )
    why = "a tenth of where the loss was lowest in a range test"
    return replace(plan, recipe=replace(plan.recipe, lr=found), chosen=plan.chosen | {"lr": why})
