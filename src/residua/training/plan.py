"""All that is decided before a run begins: the pictures are read, the recipe is complete, the network is built."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import final

import torch
from torch import Tensor

from residua.data import Preprocess, Source, load, open_source, unreadable
from residua.nets.build import build
from residua.nets.network import Network
from residua.training.assemble import training_batches
from residua.training.finder import find_lr, fitting_batch
from residua.training.finetune import beginning, fine_tuning, their_normalisation
from residua.training.network import classifying_spec, fitted_spec
from residua.training.processor import open_device
from residua.training.recipe import Recipe, Settings, decide, refuse_nonsense, usual_batch
from residua.training.seed import seed_everything
from residua.training.weights import named_network, open_weights

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
        source: its pictures, each read once.
        preprocess: of the pictures.
        network: on its device, with its first weights.
        said: where its weights come from, if they are not new.
    """

    recipe: Recipe
    chosen: dict[str, str]
    source: Source
    preprocess: Preprocess
    network: Network
    said: str | None = None


def make_plan(data: str | Path, settings: Settings, *, skip_bad: bool, tell: Tell) -> Plan:
    """Decide everything; what can be refused is refused before the pictures are read.

    Raises:
        UnknownName, BadSpec: no such network, or none that can be built.
        BadInput: a setting makes no sense.
        BadData: the data cannot be used as it is.
        BadRun: there are no such weights, or they do not fit the network.
    """
    refuse_nonsense(settings)
    open_device(settings.device)
    weights = None if settings.weights is None else open_weights(settings.weights)
    asked = settings
    if weights:
        settings = replace(settings, model=named_network(weights, settings.model))
    if settings.model is not None:
        classifying_spec(
            settings.model, stochastic_depth=settings.stochastic_depth, zero_init=settings.zero_init
        )
    tell("looking at the pictures", 0, 0)
    source = open_source(data, seed=settings.seed or 0)
    theirs = weights.preprocess.size if weights and weights.preprocess else None
    preprocess = Preprocess.for_source(source, settings.image_size or theirs)
    fitted_spec(decide(settings, source, preprocess, str(data))[0], source)
    source = readable(load(source, preprocess, tell=partial(tell, "reading pictures")), data, skip_bad)
    recipe, chosen = decide(settings, source, preprocess, str(data))  # with the pictures that were left out
    seed_everything(recipe.seed)
    network = build(fitted_spec(recipe, source))
    start = beginning(weights, network, source.classes) if weights else None
    if weights and start:
        preprocess = their_normalisation(preprocess, weights, start)
    network = network.to(open_device(recipe.device))
    plan = Plan(recipe=recipe, chosen=chosen, source=source, preprocess=preprocess, network=network)
    if settings.batch_size == "auto":
        plan = with_fitting_batch(plan, settings, tell)
    if weights and start:
        tuned = fine_tuning(plan.recipe, plan.chosen, asked, weights, start)
        plan = replace(plan, recipe=tuned.recipe, chosen=tuned.chosen, said=tuned.said)
    return with_found_lr(plan, tell) if settings.lr == "auto" else plan


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
    raise unreadable(data, bad)


def with_fitting_batch(plan: Plan, settings: Settings, tell: Tell) -> Plan:
    """Return the plan with a batch that fits in memory, and the learning rate that suits it."""
    tell("looking for the batch that fits", 0, 0)
    pre, pictures = plan.preprocess, len(plan.source.splits["train"])
    image = torch.zeros(1, pre.channels, pre.size, pre.size, device=plan.recipe.device)
    fits, how = fitting_batch(plan.network, image)
    most = usual_batch(pictures, most=LARGEST_BATCH)
    batch = min(fits, most)
    why = f"the most that fits: {how}"
    if most < fits:
        why = f"16 to {LARGEST_BATCH} by the size of the set; {fits:,} would fit"
    # Decided again: the usual learning rate depends on the batch.
    recipe, chosen = decide(
        replace(settings, batch_size=batch), plan.source, plan.preprocess, plan.recipe.data
    )
    return replace(plan, recipe=recipe, chosen=chosen | {"batch_size": why})


def with_found_lr(plan: Plan, tell: Tell) -> Plan:
    """Return the plan with the learning rate that a search on a copy finds."""
    batches = training_batches(plan.recipe, plan.source, plan.preprocess)

    def pairs() -> Iterator[tuple[Tensor, Tensor]]:
        for epoch in count():
            for batch in batches.epoch(epoch):
                yield batch.images.to(plan.recipe.device), batch.targets.to(plan.recipe.device)

    found = find_lr(plan.network, pairs(), plan.recipe, tell=partial(tell, "looking for a learning rate"))
    why = "a tenth of where the loss was lowest in a range test"
    return replace(plan, recipe=replace(plan.recipe, lr=found), chosen=plan.chosen | {"lr": why})
