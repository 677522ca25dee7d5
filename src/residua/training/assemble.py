"""What a training is made of: its batches, its steps, and the loop's job put together from a recipe."""

import copy
import os
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from residua.nets.network import Network
from residua.optim import Average, make_optimizer
from residua.runs import Run, save_model
from residua.runs.model import card_of
from residua.training.distributed import Ranks, sharded, spread, synchronised, whole
from residua.training.finetune import gentle_parts, ready_for
from residua.training.loop import Job, Show
from residua.training.memory import thrifty
from residua.training.network import short_name
from residua.training.processor import open_device
from residua.training.recipe import Recipe
from residua.training.state import State
from residua.training.step import Stepper
from residua.training.stop import Stop
from residua.training.tasks import Task, Validation


def stepper_for(recipe: Recipe, task: Task, network: Network, device: torch.device, ranks: Ranks) -> Stepper:
    """Return how a step of this recipe is taken."""
    if recipe.sharded and ranks.together:
        sharded(
            network, device
        )  # before the optimiser, which then holds numbers for this process's share alone
    optimizer = make_optimizer(
        network,
        kind=recipe.optimizer,
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        gentle=gentle_parts(recipe, network),
        share=recipe.body_lr,
    )
    return Stepper(
        model=network,
        forward=forward_of(recipe, network, device, ranks),
        optimizer=optimizer,
        device=device,
        amp=recipe.amp,
        channels_last=recipe.channels_last,
        loss=task.loss(recipe, device, ranks),
        clip=recipe.clip,
        accumulate=recipe.accumulate,
        ranks=ranks,
        spares=recipe.on_bad_batch == "skip",
    )


def forward_of(
    recipe: Recipe, network: Network, device: torch.device, ranks: Ranks
) -> Callable[[Tensor], Tensor]:
    """Return what is called in training: the network, or what makes it faster, keeps less or shares its gradient."""
    if ranks.together and not recipe.sharded:
        return spread(network, device, freezes=recipe.frozen > 0)
    return (
        torch.compile(network) if recipe.compile else thrifty(network, recipe.memory, kernels=recipe.kernels)
    )


def prepare(
    recipe: Recipe, task: Task, network: Network, run: Run, show: Show, stop: Stop, ranks: Ranks
) -> tuple[Job, State]:
    """Put together all that the loop needs."""
    device = open_device(recipe.device)
    if recipe.channels_last and not (
        recipe.sharded and ranks.together
    ):  # FSDP takes no other layout than the usual
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack it
    averaged = copy.deepcopy(network).eval()
    if ranks.together:
        synchronised(network, device)
    stepper = stepper_for(recipe, task, network, device, ranks)
    state = State(network, Average(network, decay=recipe.ema), stepper.optimizer)

    def validate(state: State) -> Validation:
        for name, tensor in averaged.state_dict().items():  # one after the other: a whole one takes memory
            tensor.copy_(whole(state.average.weights[name]))
        return task.validate(averaged, device, amp=recipe.amp, ranks=ranks)

    def keep(state: State, metrics: dict[str, float]) -> None:
        if ranks.first:  # what was validated last is what is kept
            model = task.model(short_name(recipe.model), averaged)
            save_model(run.folder, card_of(model, metrics), averaged.state_dict())

    job = Job(
        recipe=recipe,
        run=run,
        stepper=stepper,
        training=task.batches(replace(recipe, workers=workers_of(recipe, ranks)), ranks.share),
        names=task.source.splits["train"].names,
        ready=ready_for(recipe, network),
        right=task.right,
        score=task.score,
        validate=validate,
        keep=keep,
        show=show,
        stop=stop,
        ranks=ranks,
    )
    return job, state


def workers_of(recipe: Recipe, ranks: Ranks) -> int:
    """Return the processes that read pictures for this one: as asked for, else its share of the processors."""
    if recipe.workers or not ranks.together:
        return recipe.workers
    return max(1, (os.cpu_count() or 1) // ranks.local_size - 1)
