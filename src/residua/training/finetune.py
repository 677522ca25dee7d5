"""Training that begins with weights: what is new learns first, what came with them moves slowly.

A new head gives gradients that mean nothing until it has learned something, and they would tear up the body. So the
body is frozen at first, and later takes a share of the learning rate. A small batch says little about the statistics
of a norm, and a body that moves slowly needs no new ones: then they are kept as they came.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, final

from torch import nn

from residua.data import Preprocess, is_mask_data
from residua.data.masks import MaskPreprocess
from residua.nets.adapters import Beginning, begin, new_parts
from residua.nets.network import Network
from residua.nets.presets import PRESETS
from residua.training.recipe import Recipe, Settings
from residua.training.tasks import Classification, Segmentation, Task
from residua.training.weights import Weights, named_network

SMALL_BATCH: Final = 8
"""Below this many pictures the statistics of a batch are kept out of norms that have better ones."""
BODY: Final = 0.5
"""Share of the learning rate for the body; docs/numbers.md compares it with others."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuning:
    """A training that begins with weights, decided.

    Attributes:
        recipe: with what the user left open chosen for it.
        chosen: the reasons for that.
        said: what was done to the weights, in a sentence.
    """

    recipe: Recipe
    chosen: dict[str, str]
    said: str


def fine_tuning(
    recipe: Recipe, chosen: Mapping[str, str], settings: Settings, weights: Weights, start: Beginning
) -> FineTuning:
    """Choose what the user left open for a training that begins with weights."""
    values: dict[str, tuple[Any, str]] = {}
    if start.fresh:
        epochs = max(1, recipe.epochs // 10)
        values["frozen"] = (min(epochs, recipe.epochs - 1), "the head is new, so it learns first, alone")
        values["body_lr"] = (BODY, "the rest came with the weights and moves slowly")
    small = recipe.batch_size < SMALL_BATCH
    values["norms"] = (
        ("kept", f"a batch of {recipe.batch_size} says less of the statistics than the weights do")
        if small
        else ("learned", f"a batch of {recipe.batch_size} is enough to go on from the statistics that came")
    )
    values = {name: pair for name, pair in values.items() if getattr(settings, name) is None}
    decided = replace(recipe, **{name: value for name, (value, _) in values.items()})
    reasons = dict(chosen) | {name: why for name, (_, why) in values.items()}
    if settings.model is None:
        reasons["model"] = "the weights are of it"
    for name in ("image_size", "scale"):
        if getattr(settings, name) is None and name not in reasons and getattr(recipe, name):
            reasons[name] = "that of the weights"
    licence = f"; their licence is {weights.licence}" if weights.licence else ""
    done = "; ".join(("begins with the weights of " + weights.where, *start.said)) + licence
    return FineTuning(recipe=decided, chosen=reasons, said=done)


def beginning(weights: Weights, network: Network, classes: tuple[str, ...]) -> Beginning:
    """Fit the weights to a network for these classes, and put them in."""
    other = weights.classes is not None and weights.classes != classes
    start = begin(weights.state, network.spec, new_head=other)
    network.load_state_dict({**network.state_dict(), **start.state})
    return start


def taken_over(settings: Settings, weights: Weights, data: str | Path) -> Settings:
    """Return the settings with what comes with the weights: the network, and the size at which it sees pictures.

    On masks a classifier becomes the way down of the U-Net around it, if there is one.

    Raises:
        BadInput: nobody has said what network the weights are of.
    """
    masks, theirs = is_mask_data(data), weights.preprocess
    model = named_network(weights, settings.model)
    if settings.model is None and masks and (around := f"unet_{model}") in PRESETS:
        model = around
    settings = replace(settings, model=model)
    if isinstance(theirs, Preprocess) and not masks and settings.image_size is None:
        settings = replace(settings, image_size=theirs.size)
    if isinstance(theirs, MaskPreprocess) and masks and settings.scale is None:
        settings = replace(settings, scale=theirs.scale)
    return settings


def normalised(task: Task, weights: Weights, start: Beginning) -> Task:
    """Return the task with the mean and the deviation that the weights were trained with, if they are known."""
    mean, std = weights.mean or start.mean, weights.std or start.std
    if mean is None or std is None:
        return task
    assert isinstance(task, Classification | Segmentation)
    channels = task.preprocess.channels
    if len(mean) != channels:
        mean, std = ((sum(of) / len(of),) * channels for of in (mean, std))
    if isinstance(task, Segmentation):
        return replace(task, preprocess=replace(task.preprocess, mean=mean, std=std))
    return replace(task, preprocess=replace(task.preprocess, mean=mean, std=std))


def gentle_parts(recipe: Recipe, network: Network) -> Collection[str]:
    """Return the names of the parameters that take a share of the learning rate: all that came with weights."""
    if not recipe.weights or recipe.body_lr == 1:
        return ()
    fresh = new_parts(network.spec)
    return frozenset(name for name, _ in network.named_parameters() if name not in fresh)


@final
@dataclass(frozen=True, slots=True)
class Ready:
    """Puts a network into training mode at the beginning of an epoch, as far as the recipe lets it."""

    recipe: Recipe
    fresh: frozenset[str]

    def __call__(self, model: nn.Module, epoch: int) -> None:
        """Freeze or release what came with weights."""
        frozen = epoch <= self.recipe.frozen
        model.train()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in self.fresh or not frozen)
        if frozen or self.recipe.norms == "kept":
            for name, module in model.named_modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm) and f"{name}.weight" not in self.fresh:
                    module.eval()


def ready_for(recipe: Recipe, network: Network) -> Ready:
    """Return what puts this network into training mode."""
    return Ready(recipe, frozenset(new_parts(network.spec)))
