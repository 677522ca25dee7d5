"""What a training does: what the user set, and the whole of it with nothing left open."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, final, get_args

from residua.errors import BadInput

Norms = Literal["learned", "kept"]
Augmentation = Literal["none", "light", "strong"]
LossName = Literal["ce", "dice", "ce+dice", "focal", "boundary"]
Optimizer = Literal["sgd", "adamw", "muon"]
Memory = Literal["plain", "lean", "least"]
OnBadBatch = Literal["stop", "skip"]
RecipeName = Literal["usual", "fast"]

WAIT: Final = 600
"""Seconds that processes which train together wait for each other."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a user may set; None is chosen by what the data and the machine are, and said.

    >>> Settings(epochs=3).epochs
    3

    Attributes:
        recipe: what is chosen for the others: "usual", or "fast" for small pictures and little time.
        model: name of the network, as `residua models` lists them, or the path of a JSON file that describes one.
        weights: to begin with: a file, the folder of a run, or hf:OWNER/REPO on the Hugging Face Hub.
        frozen: epochs at the beginning in which only what is new learns, and the rest stays as it came.
        body_lr: share of the learning rate for what came with the weights.
        norms: "learned" from every batch, or "kept": norms that came with the weights keep their statistics.
        epochs: passes over the training pictures.
        batch_size: pictures a step; "auto" for the most that fit in memory.
        lr: highest learning rate; "auto" looks for one on a copy first.
        optimizer: SGD with Nesterov momentum, AdamW, or Muon, which turns kernels by orthogonal steps.
        momentum: of SGD and Muon; the first beta of AdamW.
        weight_decay: of kernels and matrices; biases and norms never decay.
        warmup: share of the steps over which the learning rate rises.
        label_smoothing: part of each target spread over all classes.
        ema: decay of the running average of the weights; 0 keeps the last weights.
        clip: longest gradient norm allowed; 0 for none.
        accumulate: batches whose gradients are added up for one step.
        class_weights: make all classes weigh the same.
        patience: epochs without a better validation score before it stops; 0 never stops.
        image_size: side of the square that a classifier sees, in pixels.
        loss: of masks: cross-entropy, Dice, both, focal, or weighted at boundaries as in the U-Net paper.
        crop: side of the square pieces that a network for masks learns from, in pixels, after scaling.
        scale: what pictures with masks are reduced to before they are seen, such as 0.5 for half size; they are scored
            and predicted at their own size all the same.
        classes: names of the classes of masks, with commas between them, or a file of them.
        void: values of masks that stand for no class, with commas between them: numbers, or colours such as #ff00ff.
        early_size: share of the image size at which pictures are seen in the first two thirds of the epochs.
        augment: "none", "light" (crops and flips) or "strong" (colour and shape too).
        mixup: alpha of mixup; 0 for none.
        cutmix: alpha of CutMix; 0 for none.
        stochastic_depth: rate for the last residual block; 0 for none.
        zero_init: start every residual block as its shortcut.
        amp: bfloat16 where it is safe.
        channels_last: keep the channels of a pixel together in memory.
        memory: what is kept for the gradient: "plain" all of it, "lean" what only convolutions can give, "least" next
            to nothing, for a second forward pass.
        compile: compile the network first (worth it on a GPU).
        kernels: take norm, addition and ReLU together, by kernels compiled for this processor (for a CPU).
        deterministic: the same bits every time on a GPU too, by slower algorithms; on a CPU they are the same anyway.
        on_bad_batch: "stop" at a batch whose loss or gradient is not finite, or of which a picture can no longer be
            read, or "skip" it and say so; not more than a tenth of an epoch is skipped.
        device: such as cpu or cuda:0.
        workers: processes that read pictures when they do not fit in memory; with all in memory none is needed.
        seed: of everything random.
        sharded: divide network and optimiser among the processes that torchrun started, where they do not fit in one.
        timeout: seconds that these processes wait for each other, before the others are taken for lost.
    """

    recipe: RecipeName | None = None
    model: str | None = None
    weights: str | None = None
    frozen: int | None = None
    body_lr: float | None = None
    norms: Norms | None = None
    epochs: int | None = None
    batch_size: int | Literal["auto"] | None = None
    lr: float | Literal["auto"] | None = None
    optimizer: Optimizer | None = None
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
    early_size: float | None = None
    loss: LossName | None = None
    crop: int | None = None
    scale: float | None = None
    classes: str | None = None
    void: str | None = None
    augment: Augmentation | None = None
    mixup: float | None = None
    cutmix: float | None = None
    stochastic_depth: float | None = None
    zero_init: bool | None = None
    amp: bool | None = None
    channels_last: bool | None = None
    memory: Memory | None = None
    compile: bool | None = None
    kernels: bool | None = None
    deterministic: bool | None = None
    on_bad_batch: OnBadBatch | None = None
    device: str | None = None
    workers: int | None = None
    seed: int | None = None
    sharded: bool | None = None
    timeout: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A training with nothing left open; the fields are those of `Settings`, with `data` beside them.

    What one task knows and another does not has a value here that says nothing.
    """

    data: str
    recipe: RecipeName = "usual"
    model: str
    weights: str = ""
    frozen: int = 0
    body_lr: float = 1.0
    norms: Norms = "learned"
    epochs: int
    batch_size: int
    lr: float
    optimizer: Optimizer
    momentum: float
    weight_decay: float
    warmup: float
    label_smoothing: float
    ema: float
    clip: float
    accumulate: int
    class_weights: bool
    patience: int
    augment: Augmentation
    stochastic_depth: float
    zero_init: bool
    amp: bool
    channels_last: bool
    memory: Memory = "plain"
    compile: bool
    deterministic: bool = False
    on_bad_batch: OnBadBatch = "stop"
    device: str
    workers: int
    seed: int
    kernels: bool = False
    image_size: int = 0
    early_size: float = 1.0
    mixup: float = 0.0
    cutmix: float = 0.0
    loss: LossName = "ce"
    crop: int = 0
    scale: float = 1.0
    classes: str = ""
    void: str = ""
    sharded: bool = False
    timeout: int = WAIT

    def steps(self, pictures: int) -> int:
        """Return how many steps of its optimiser a training on so many pictures takes."""
        batches = max(1, pictures // self.batch_size)
        return self.epochs * -(-batches // self.accumulate)


FINE_TUNING: Final = ("weights", "frozen", "body_lr", "norms")
"""What means nothing to a network that is built anew; `residua.training.finetune` chooses it for one that is not."""

RECIPES: Final[Mapping[RecipeName, Mapping[str, tuple[Any, str]]]] = {
    "usual": {},
    "fast": {
        "model": ("resnet8_fast", "few layers, wide where the image is small: it learns much in a minute"),
        "epochs": (8, "a few minutes on a processor for 50,000 pictures; more of them learn more"),
        "optimizer": ("muon", "of few steps each should go along all directions"),
        "ema": (0.0, "of so few steps an average would still hold the first"),
        "early_size": (0.75, "about half of the pixels show most of a picture"),
    },
}
"""What a recipe chooses instead of the usual, and why; what the user sets goes before either."""

WHOLE: Final = {
    # whole numbers, and the least of each
    "epochs": 1,
    "batch_size": 2,
    "accumulate": 1,
    "image_size": 1,
    "frozen": 0,
    "crop": 1,
    "patience": 0,
    "workers": 0,
    "seed": 0,
    "timeout": 1,
}
WORDS: Final = {
    "optimizer": get_args(Optimizer),
    "augment": get_args(Augmentation),
    "loss": get_args(LossName),
    "norms": get_args(Norms),
    "memory": get_args(Memory),
    "on_bad_batch": get_args(OnBadBatch),
    "recipe": get_args(RecipeName),
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
            raise BadInput(f"--{name.replace('_', '-')} {word}: it must be one of {', '.join(words)}")
    if settings.compile and settings.memory not in (None, "plain"):
        raise BadInput(
            f"--compile with --memory {settings.memory}; a compiled network decides by itself what it keeps. "
            "Leave one of them out"
        )
    if settings.compile and settings.kernels:
        raise BadInput(
            "--compile with --kernels; a compiled network takes layers together by itself. Leave one of them out"
        )
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
    if name in ("scale", "early_size") and not 0 < value <= 1:
        return "it must be above 0 and at most 1"
    if name == "lr" and value <= 0:
        return "it must be above 0; `--lr auto` looks for one"
    return None
