"""What a training is made of: its network, its batches, and the loop's job put together from a recipe."""

import copy
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import torch
from torch import Tensor

from residua.data import Augment, Batches, Preprocess, Source
from residua.errors import BadInput
from residua.nets.build import build
from residua.nets.network import Network
from residua.nets.presets import spec as spec_named
from residua.nets.spec import ResNetSpec, UNetSpec
from residua.objective import balanced_weights, score
from residua.optim import Average, make_optimizer
from residua.runs import Model, Run, save_model
from residua.runs.model import card_of
from residua.training.evaluate import BATCH, answers
from residua.training.finder import find_lr, fitting_batch
from residua.training.loop import Job, Show
from residua.training.processor import open_device
from residua.training.recipe import Recipe, Settings
from residua.training.state import State
from residua.training.step import Stepper
from residua.training.stop import Stop


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
            network, image, most=min(512, max(16, 1 << (len(source.splits["train"]).bit_length() - 4)))
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


def stepper_for(recipe: Recipe, source: Source, network: Network, device: torch.device) -> Stepper:
    """Return how a step of this recipe is taken."""
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
