"""What a training is made of: its batches, its steps, and the loop's job put together from a recipe."""

import copy

import torch

from residua.nets.network import Network
from residua.optim import Average, make_optimizer
from residua.runs import Run, save_model
from residua.runs.model import card_of
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


def stepper_for(recipe: Recipe, task: Task, network: Network, device: torch.device) -> Stepper:
    """Return how a step of this recipe is taken."""
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
        forward=torch.compile(network) if recipe.compile else thrifty(network, recipe.memory),
        optimizer=optimizer,
        device=device,
        amp=recipe.amp,
        channels_last=recipe.channels_last,
        loss=task.loss(recipe, device),
        clip=recipe.clip,
        accumulate=recipe.accumulate,
    )


def prepare(
    recipe: Recipe, task: Task, network: Network, run: Run, show: Show, stop: Stop
) -> tuple[Job, State]:
    """Put together all that the loop needs."""
    device = open_device(recipe.device)
    if recipe.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack it
    stepper = stepper_for(recipe, task, network, device)
    state = State(network, Average(network, decay=recipe.ema), stepper.optimizer)
    averaged = copy.deepcopy(network).eval()

    def validate(state: State) -> Validation:
        averaged.load_state_dict(state.average.weights)
        return task.validate(averaged, device, amp=recipe.amp)

    def keep(state: State, metrics: dict[str, float]) -> None:
        model = task.model(short_name(recipe.model), averaged)
        save_model(run.folder, card_of(model, metrics), state.average.weights)

    job = Job(
        recipe=recipe,
        run=run,
        stepper=stepper,
        training=task.batches(recipe),
        ready=ready_for(recipe, network),
        right=task.right,
        score=task.score,
        validate=validate,
        keep=keep,
        show=show,
        stop=stop,
    )
    return job, state
