"""What a training does: what the user set, and what is chosen for the rest, with the reason."""

import math
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, final

import torch

from residua.data import Preprocess, Source, unbalanced
from residua.errors import BadInput
from residua.training.processor import has_bfloat16, pick_device


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a user may set; None is chosen by what the data and the machine are, and said.

    >>> Settings(epochs=3).epochs
    3

    Attributes:
        model: name of the network, as `residua models` lists them, or the path of a JSON file that describes one.
        weights: to begin with: a file, the folder of a run, or hf:OWNER/REPO on the Hugging Face Hub.
        frozen: epochs at the beginning in which only what is new learns, and the rest stays as it came.
        body_lr: share of the learning rate for what came with the weights.
        norms: "learned" from every batch, or "kept": norms that came with the weights keep their statistics.
        epochs: passes over the training pictures.
        batch_size: pictures a step; "auto" for the most that fit in memory.
        lr: highest learning rate; "auto" looks for one on a copy first.
        optimizer: SGD with Nesterov momentum, or AdamW.
        momentum: of SGD; the first beta of AdamW.
        weight_decay: of kernels and matrices; biases and norms never decay.
        warmup: share of the steps over which the learning rate rises.
        label_smoothing: part of each target spread over all classes.
        ema: decay of the running average of the weights; 0 keeps the last weights.
        clip: longest gradient norm allowed; 0 for none.
        accumulate: batches whose gradients are added up for one step.
        class_weights: make all classes weigh the same.
        patience: epochs without a better validation accuracy before it stops; 0 never stops.
        image_size: side of the square that the network sees, in pixels.
        augment: "none", "light" (crops and flips) or "strong" (colour and shape too).
        mixup: alpha of mixup; 0 for none.
        cutmix: alpha of CutMix; 0 for none.
        stochastic_depth: rate for the last residual block; 0 for none.
        zero_init: start every residual block as its shortcut.
        amp: bfloat16 where it is safe.
        channels_last: keep the channels of a pixel together in memory.
        compile: compile the network first (worth it on a GPU).
        device: such as cpu or cuda:0.
        workers: processes that read pictures when they do not fit in memory; with all in memory none is needed.
        seed: of everything random.
    """

    model: str | None = None
    weights: str | None = None
    frozen: int | None = None
    body_lr: float | None = None
    norms: Literal["learned", "kept"] | None = None
    epochs: int | None = None
    batch_size: int | Literal["auto"] | None = None
    lr: float | Literal["auto"] | None = None
    optimizer: Literal["sgd", "adamw"] | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    warmup: float | None = None
    label_smoothing: float | None = None
    ema: float | None = None
    clip: float | None = None
    accumulate: int | None = None
    class_weights: bool | None = None
    patience: int | None = None
    image_size: int | None = None
    augment: Literal["none", "light", "strong"] | None = None
    mixup: float | None = None
    cutmix: float | None = None
    stochastic_depth: float | None = None
    zero_init: bool | None = None
    amp: bool | None = None
    channels_last: bool | None = None
    compile: bool | None = None
    device: str | None = None
    workers: int | None = None
    seed: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A training with nothing left open; the fields are those of `Settings`, with `data` beside them."""

    data: str
    model: str
    weights: str = ""
    frozen: int = 0
    body_lr: float = 1.0
    norms: Literal["learned", "kept"] = "learned"
    epochs: int
    batch_size: int
    lr: float
    optimizer: Literal["sgd", "adamw"]
    momentum: float
    weight_decay: float
    warmup: float
    label_smoothing: float
    ema: float
    clip: float
    accumulate: int
    class_weights: bool
    patience: int
    image_size: int
    augment: Literal["none", "light", "strong"]
    mixup: float
    cutmix: float
    stochastic_depth: float
    zero_init: bool
    amp: bool
    channels_last: bool
    compile: bool
    device: str
    workers: int
    seed: int


Choices = dict[str, tuple[Any, str]]


def choices(settings: Settings, source: Source, preprocess: Preprocess) -> Choices:
    """Return for every setting what is chosen when the user leaves it open, and why.

    `batch_size="auto"` and `lr="auto"` stand here at their plain choice; the search replaces them.
    """
    count = len(source.splits["train"])
    size = preprocess.size
    small = size <= 64
    counts = list(source.splits["train"].counts().values())
    epochs = min(40, max(10, round(800_000 / count)))
    batch_size = usual_batch(count, most=128)
    taken = min(count, settings.batch_size) if isinstance(settings.batch_size, int) else batch_size
    adamw = settings.optimizer == "adamw"
    lr = 1e-3 if adamw else (0.2 if small else 0.1) * (taken * (settings.accumulate or 1) / 128) ** 0.5
    device = pick_device()
    fast = has_bfloat16(torch.device(settings.device or device))
    network = "resnet20_cifar" if small else "resnet18"
    made_for = "for pictures up to 64 pixels" if small else "for pictures above 64 pixels"
    return {
        "model": (network, f"{made_for}; seen at {size} × {size}"),
        "epochs": (epochs, "about 800,000 pictures in all, from 10 to 40 epochs"),
        "batch_size": (
            batch_size,
            f"16 to 128 by the size of the set: {count // batch_size:,} steps an epoch",
        ),
        "lr": (
            round(lr, 6),
            "the usual one of AdamW" if adamw else f"the usual one of SGD at batches of {taken:,}",
        ),
        "optimizer": ("sgd", "the residual networks' papers used it"),
        "momentum": (0.9, "the usual one"),
        "weight_decay": (0.05 if adamw else 5e-4, "the usual one for this optimizer"),
        "warmup": (0.15, "the first seventh of the steps"),
        "label_smoothing": (
            0.0 if small else 0.1,
            "small networks do better without" if small else "the usual one",
        ),
        "ema": (0.999, "the averaged weights are the ones kept"),
        "clip": (5.0, "far above a healthy gradient"),
        "accumulate": (1, "one batch a step"),
        "class_weights": (
            unbalanced(counts),
            f"the classes have from {min(counts):,} to {max(counts):,} training pictures",
        ),
        "patience": (0, "the schedule ends by itself"),
        "image_size": (
            size,
            f"the pictures are about {source.typical_size[0]} × {source.typical_size[1]} pixels",
        ),
        "augment": (
            "light",
            "crops" + (" and flips" if source.mirrored else "; these pictures are not mirrored"),
        ),
        "mixup": (0.0, "off unless asked for"),
        "cutmix": (0.0, "off unless asked for"),
        "stochastic_depth": (0.0, "off unless asked for"),
        "zero_init": (False, "off unless asked for"),
        "amp": (fast, "this device has bfloat16" if fast else "this device has no bfloat16 instructions"),
        "channels_last": (True, "convolutions run faster"),
        "compile": (False, "off unless asked for"),
        "device": (device, "the fastest here"),
        "workers": (0, "the loader decides by the size of the set"),
        "seed": (0, "the same run again gives the same result"),
    }


def usual_batch(count: int, *, most: int) -> int:
    """Return the largest power of two that gives 16 steps an epoch; at least 16, at most `most` or all pictures.

    >>> [usual_batch(count, most=128) for count in (5, 100, 1_212, 50_000)]
    [5, 16, 64, 128]
    """
    sixteen_steps = 1 << max(0, (count // 16).bit_length() - 1)
    return min(count, most, max(16, sixteen_steps))


def decide(
    settings: Settings, source: Source, preprocess: Preprocess, data: str
) -> tuple[Recipe, dict[str, str]]:
    """Return the recipe, and for each setting that the user left open the reason for its value.

    Raises:
        BadInput: a setting is out of its range.
    """
    refuse_nonsense(settings)
    open_choices = choices(settings, source, preprocess)
    values: dict[str, Any] = {"data": data}
    reasons: dict[str, str] = {}
    for field in fields(settings):
        given = getattr(settings, field.name)
        if given is None and field.name in FINE_TUNING:
            continue
        if given is None or given == "auto":
            values[field.name], reasons[field.name] = open_choices[field.name]
        else:
            values[field.name] = given
    count = len(source.splits["train"])
    if values["batch_size"] > count:
        values["batch_size"] = count
        reasons["batch_size"] = f"there are only {count:,} training pictures"
    return Recipe(**values), reasons


FINE_TUNING: Final = ("weights", "frozen", "body_lr", "norms")
"""What means nothing to a network that is built anew; `residua.training.finetune` chooses it for one that is not."""

WHOLE: Final = {
    # whole numbers, and the least of each
    "epochs": 1,
    "batch_size": 2,
    "accumulate": 1,
    "image_size": 1,
    "frozen": 0,
    "patience": 0,
    "workers": 0,
    "seed": 0,
}
WORDS: Final = {
    "optimizer": ("sgd", "adamw"),
    "augment": ("none", "light", "strong"),
    "norms": ("learned", "kept"),
}
SHARES: Final = ("momentum", "warmup", "label_smoothing", "ema", "stochastic_depth")
NOT_NEGATIVE: Final = ("body_lr", "weight_decay", "clip", "mixup", "cutmix")


def refuse_nonsense(settings: Settings) -> None:
    """Raise `BadInput` for a setting out of its range."""
    if settings.weights is None:
        for name in FINE_TUNING:
            if getattr(settings, name) is not None:
                raise BadInput(f"--{name.replace('_', '-')} is of a training that begins with --weights")
    for name, words in WORDS.items():
        if (word := getattr(settings, name)) is not None and word not in words:
            raise BadInput(f"--{name} {word}: it must be one of {', '.join(words)}")
    for field in fields(settings):
        name, value = field.name, getattr(settings, field.name)
        if isinstance(value, int | float) and (rule := broken_rule(name, value)):
            raise BadInput(f"--{name.replace('_', '-')} {value:g}: {rule}")


def broken_rule(name: str, value: float) -> str | None:
    """Return what the value of a setting must be, or None when it is that.

    >>> broken_rule("warmup", 1.5), broken_rule("warmup", 0.1)
    ('it is a share, at least 0 and below 1', None)
    """
    if not math.isfinite(value):
        return "it must be a finite number"
    if name in WHOLE and value != int(value):
        return "it must be a whole number"
    if name in WHOLE and value < WHOLE[name]:
        return f"it must be at least {WHOLE[name]}"
    if name in SHARES and not 0 <= value < 1:
        return "it is a share, at least 0 and below 1"
    if name in NOT_NEGATIVE and value < 0:
        return "it must not be negative"
    if name == "lr" and value <= 0:
        return "it must be above 0; `--lr auto` looks for one"
    return None
