"""What a training is made of: its batches, its steps, and the loop's job put together from a recipe."""

import copy
import math

import torch

from residua.data import Augment, Batches, Preprocess, Source
from residua.errors import Diverged
from residua.nets.network import Network
from residua.objective import balanced_weights, score
from residua.optim import Average, make_optimizer
from residua.runs import Model, Run, save_model
from residua.runs.model import card_of
from residua.training.diverged import first_batch_not_finite
from residua.training.evaluate import BATCH, answers
from residua.training.finetune import gentle_parts, ready_for
from residua.training.loop import Job, Show
from residua.training.network import short_name
from residua.training.processor import open_device
from residua.training.recipe import Recipe
from residua.training.state import State
from residua.training.step import Stepper
from residua.training.stop import Stop


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


def stepper_for(recipe: Recipe, source: Source, network: Network, device: torch.device) -> Stepper:
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
    weights = None
    if recipe.class_weights:
        weights = balanced_weights(list(source.splits["train"].counts().values())).to(device)
    return Stepper(
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


def prepare(
    recipe: Recipe, source: Source, preprocess: Preprocess, network: Network, run: Run, show: Show, stop: Stop
) -> tuple[Job, State]:
    """Put together all that the loop needs."""
    device = open_device(recipe.device)
    if recipe.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack it
    stepper = stepper_for(recipe, source, network, device)
    state = State(network, Average(network, decay=recipe.ema), stepper.optimizer)
    averaged = copy.deepcopy(network).eval()
    validation = Batches(
        source.splits["val"], preprocess, augment=None, batch_size=BATCH, seed=0, shuffle=False
    )

    def validate(state: State) -> tuple[float, float]:
        averaged.load_state_dict(state.average.weights)
        logits, labels, _ = answers(averaged, validation, device, amp=recipe.amp)
        found = score(logits, labels, source.classes)
        if not math.isfinite(found.loss):
            images = (batch.images.to(device) for batch in validation.epoch(0))
            place = first_batch_not_finite(averaged, images)
            raise Diverged(f"the validation loss is {found.loss}; the first that is not finite: {place}")
        return found.loss, found.top1

    def keep(state: State, metrics: dict[str, float]) -> None:
        model = Model(
            name=short_name(recipe.model), network=averaged, classes=source.classes, preprocess=preprocess
        )
        save_model(run.folder, card_of(model, metrics), state.average.weights)

    job = Job(
        recipe=recipe,
        run=run,
        stepper=stepper,
        training=training_batches(recipe, source, preprocess),
        ready=ready_for(recipe, network),
        validate=validate,
        keep=keep,
        show=show,
        stop=stop,
    )
    return job, state
