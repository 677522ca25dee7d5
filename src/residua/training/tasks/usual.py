"""How a recipe is completed, and what is chosen whatever the task: settings of the optimiser and of the machine."""

from dataclasses import fields
from typing import Any

import torch

from residua.errors import BadInput
from residua.nets.spec import ReversibleSpec
from residua.training.kernels import kernels
from residua.training.network import spec_of
from residua.training.processor import has_bfloat16, pick_device
from residua.training.recipe import RECIPES, WAIT, Optimizer, Recipe, Settings, refuse_nonsense
from residua.training.tasks.task import Choices, Task


def usual_choices(settings: Settings) -> Choices:
    """Return what every task chooses alike; a task replaces what it knows better."""
    device = pick_device()
    fast = has_bfloat16(torch.device(settings.device or device))
    return {
        "recipe": ("usual", "nothing else was asked for"),
        "ema": (0.999, "the averaged weights are the ones kept"),
        "clip": (5.0, "far above a healthy gradient"),
        "accumulate": (1, "one batch a step"),
        "patience": (0, "the schedule ends by itself"),
        "stochastic_depth": (0.0, "off unless asked for"),
        "zero_init": (False, "off unless asked for"),
        "amp": (fast, "this device has bfloat16" if fast else "this device has no bfloat16 instructions"),
        "channels_last": (True, "convolutions run faster"),
        "memory": usual_memory(settings),
        "compile": (False, "off unless asked for"),
        "kernels": usual_kernels(settings, settings.device or device),
        "deterministic": (False, "off unless asked for; a CPU gives the same bits without it"),
        "on_bad_batch": ("stop", "what is wrong should be seen"),
        "device": (device, "the fastest here"),
        "workers": (0, "the loader decides by the size of the set"),
        "sharded": (False, "every process holds the whole network"),
        "timeout": (WAIT, "far longer than a step"),
        "seed": (0, "the same run again gives the same result"),
    }


def usual_optimizer(settings: Settings, usual: Optimizer) -> Optimizer:
    """Return the optimiser that a training will have: what was asked for, what its recipe chooses, or the usual one.

    >>> usual_optimizer(Settings(), "sgd"), usual_optimizer(Settings(recipe="fast"), "sgd")
    ('sgd', 'muon')
    """
    chosen: Optimizer = RECIPES[settings.recipe or "usual"].get("optimizer", (usual, ""))[0]
    return settings.optimizer or chosen


def usual_momentum(kind: Optimizer) -> tuple[float, str]:
    """Return the momentum of an optimiser, and why."""
    if kind == "muon":
        return 0.6, "each step already goes along all directions"
    return 0.9, "the usual one"


def usual_memory(settings: Settings) -> tuple[str, str]:
    """Return what is kept for the gradient, and why: a reversible network is there to keep next to nothing."""
    made_for_it = settings.model is not None and isinstance(spec_of(settings.model), ReversibleSpec)
    if made_for_it and not settings.compile:
        return "least", "what came into its blocks is computed from what left"
    return "plain", "off unless asked for"


def usual_kernels(settings: Settings, device: str) -> tuple[bool, str]:
    """Return whether norm and ReLU are taken together by kernels compiled here, and why."""
    if device != "cpu" or settings.compile:
        return False, "they are for a CPU" if device != "cpu" else "the compiler takes layers together"
    if kernels() is None:
        return False, "there is no C++ compiler here"
    return True, "norm and ReLU take less time together"


def usual_batch(count: int, *, most: int) -> int:
    """Return the power of two that gives 16 steps an epoch; at least 16, at most `most` or all pictures.

    >>> [usual_batch(count, most=128) for count in (5, 100, 1_212, 50_000)]
    [5, 16, 64, 128]
    """
    sixteen_steps = 1 << max(0, (count // 16).bit_length() - 1)
    return min(count, most, max(16, sixteen_steps))


def decide(task: Task, settings: Settings, data: str) -> tuple[Recipe, dict[str, str]]:
    """Return the recipe, and for each setting that the user left open the reason for its value.

    Raises:
        BadInput: a setting is out of its range.
    """
    refuse_nonsense(settings)
    choices = {**task.choices(settings), **RECIPES[settings.recipe or "usual"]}
    values: dict[str, Any] = {"data": data}
    reasons: dict[str, str] = {}
    for field in fields(settings):
        given = getattr(settings, field.name)
        if given is not None and given != "auto":
            values[field.name] = given
        elif field.name in choices:
            values[field.name], reasons[field.name] = choices[field.name]
    if values["sharded"] and values["optimizer"] == "muon":
        raise BadInput(
            "--sharded with Muon, which needs each kernel whole; leave it out, or take --optimizer sgd or adamw"
        )
    count = len(task.source.splits["train"])
    if values["batch_size"] > count:
        values["batch_size"] = count
        reasons["batch_size"] = f"there are only {count:,} training pictures"
    return Recipe(**values), reasons
