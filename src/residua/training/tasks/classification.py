"""One class of each picture."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor, nn

from residua.data import (
    WHOLE,
    Augment,
    BadFile,
    Batches,
    Batching,
    Growing,
    Preprocess,
    Share,
    Source,
    load,
    memory_limit,
    unbalanced,
    unreadable,
)
from residua.errors import BadData, BadInput, Diverged
from residua.look import Examples, Loss
from residua.nets.fast import whiten
from residua.nets.network import Network
from residua.nets.spec import FastSpec, Spec
from residua.objective import balanced_weights, cross_entropy, score
from residua.runs import Model
from residua.training.distributed import ALONE, Ranks
from residua.training.diverged import first_batch_not_finite, first_of
from residua.training.evaluate import BATCH, Evaluation, answers, evaluate_split, write_evaluation
from residua.training.network import classifying_spec, early_side, fitted_spec
from residua.training.recipe import Optimizer, Recipe, Settings
from residua.training.record import DataRecord, data_record
from residua.training.tasks.task import Choices, Task, TrainingBatches, Validation
from residua.training.tasks.usual import usual_batch, usual_choices, usual_momentum, usual_optimizer

SAMPLES: Final = 256
OF_PIXELS: Final = ("loss", "crop", "scale", "classes", "void")
"""Settings that only masks have a use for."""


def usual_lr(optimizer: Optimizer, *, small: bool, batch: int, batches: int) -> tuple[float, str]:
    """Return the learning rate of an optimiser for steps of so many batches, and why; SGD's grows with their root.

    >>> usual_lr("sgd", small=False, batch=128, batches=4)
    (0.2, 'the usual one of SGD at batches of 128')
    """
    match optimizer:
        case "sgd":
            rate = (0.2 if small else 0.1) * (batch * batches / 128) ** 0.5
            return round(rate, 6), f"the usual one of SGD at batches of {batch:,}"
        case "adamw":
            return 1e-3, "the usual one for this optimizer"
        case "muon":
            return 0.2, "the usual one for this optimizer"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Classification(Task):
    """Pictures with one class each, and how they are brought to a square.

    Attributes:
        source: the pictures with their labels.
        preprocess: of the pictures.
    """

    source: Source
    preprocess: Preprocess
    score: ClassVar[str] = "accuracy"

    @staticmethod
    def refuse(settings: Settings) -> None:
        for name in OF_PIXELS:
            if getattr(settings, name) is not None:
                raise BadInput(
                    f"--{name} is for pictures with masks; these have one class each. Leave it out"
                )
        if settings.model is not None:
            classifying_spec(
                settings.model, stochastic_depth=settings.stochastic_depth, zero_init=settings.zero_init
            )

    def choices(self, settings: Settings) -> Choices:
        source, size = self.source, self.preprocess.size
        count, small = len(source.splits["train"]), size <= 64
        counts = list(source.splits["train"].counts().values())
        optimizer = usual_optimizer(settings, "sgd")
        most = 512 if optimizer == "muon" else 128
        batch_size = usual_batch(count, most=most)
        taken = min(count, settings.batch_size) if isinstance(settings.batch_size, int) else batch_size
        network = "resnet20_cifar" if small else "resnet18"
        made_for = "for pictures up to 64 pixels" if small else "for pictures above 64 pixels"
        return usual_choices(settings) | {
            "model": (network, f"{made_for}; seen at {size} × {size}"),
            "epochs": (
                min(40, max(10, round(800_000 / count))),
                "about 800,000 pictures in all, from 10 to 40 epochs",
            ),
            "batch_size": (
                batch_size,
                f"16 to {most} by the size of the set: {count // batch_size:,} steps an epoch",
            ),
            "lr": usual_lr(optimizer, small=small, batch=taken, batches=settings.accumulate or 1),
            "optimizer": ("sgd", "the residual networks' papers used it"),
            "momentum": usual_momentum(optimizer),
            "weight_decay": (0.05 if optimizer == "adamw" else 5e-4, "the usual one for this optimizer"),
            "warmup": (0.15, "the first seventh of the steps"),
            "label_smoothing": (
                0.0 if small else 0.1,
                "small networks do better without" if small else "the usual one",
            ),
            "class_weights": (
                unbalanced(counts),
                f"the classes have from {min(counts):,} to {max(counts):,} training pictures",
            ),
            "image_size": (
                size,
                f"the pictures are about {source.typical_size[0]} × {source.typical_size[1]} pixels",
            ),
            "early_size": (1.0, "the same size from the first epoch on"),
            "augment": (
                "light",
                "crops" + (" and flips" if source.mirrored else "; these pictures are not mirrored"),
            ),
            "mixup": (0.0, "off unless asked for"),
            "cutmix": (0.0, "off unless asked for"),
        }

    def spec(self, recipe: Recipe) -> Spec:
        return fitted_spec(recipe, self.source)

    def begin(self, network: Network) -> None:
        """Begin a stem with the directions in which the pictures vary, where the network is made for it."""
        if isinstance(network.spec, FastSpec):
            stem = network.get_submodule("stem.conv")
            assert isinstance(stem, nn.Conv2d)
            whiten(stem, self.examples()[0])

    def sample(self) -> Tensor:
        pre = self.preprocess
        return torch.zeros(1, pre.channels, pre.size, pre.size)

    def loaded(
        self, tell: Callable[[int, int], None], processes: int = 1, *, every: bool = False
    ) -> "Classification":
        limit = memory_limit(processes)
        source = load(self.source, self.preprocess, memory_limit=limit, every=every, tell=tell)
        return replace(self, source=source)

    def without(self, bad: tuple[BadFile, ...]) -> "Classification":
        return replace(self, source=self.source.without(bad))

    def unusable(self, data: str | Path) -> BadData:
        return unreadable(data, self.source.bad)

    def record(self, data: str | Path) -> DataRecord:
        return data_record(self.source, data, self.preprocess)

    def model(self, name: str, network: Network) -> Model:
        return Model(name=name, network=network, classes=self.source.classes, preprocess=self.preprocess)

    def batches(self, recipe: Recipe, share: Share = WHOLE) -> TrainingBatches:
        augment = Augment.for_source(
            self.source, self.preprocess, strength=recipe.augment, mixup=recipe.mixup, cutmix=recipe.cutmix
        )
        batches = Batches(
            self.source.splits["train"],
            self.preprocess,
            augment=augment,
            batching=Batching(size=recipe.batch_size, seed=recipe.seed, shuffle=True, drop_last=True),
            workers=recipe.workers or None,
            share=share,
        )
        if recipe.early_size == 1:
            return batches
        return Growing(batches, early_side(recipe), recipe.epochs)

    def loss(self, recipe: Recipe, device: torch.device, ranks: Ranks = ALONE) -> Loss:
        weights = None
        if recipe.class_weights:
            weights = balanced_weights(list(self.source.splits["train"].counts().values())).to(device)
        total = ranks.total if ranks.together else None
        return partial(cross_entropy, smoothing=recipe.label_smoothing, weights=weights, total=total)

    def examples(self) -> Examples:
        train = self.source.splits["train"]
        few = np.random.default_rng(0).permutation(len(train))[:SAMPLES]
        batches = Batches(
            train.chosen(few.tolist()),
            self.preprocess,
            augment=None,
            batching=Batching(size=SAMPLES),
            workers=0,
        )
        batch = next(iter(batches.epoch(1)))
        return batch.images.contiguous(), batch.targets

    def right(self, logits: Tensor, targets: Tensor) -> tuple[int, int]:
        if targets.ndim > 1:  # mixed labels
            return 0, 0
        return int((logits.argmax(1).cpu() == targets.cpu()).sum()), len(targets)

    def validate(
        self, network: Network, device: torch.device, *, amp: bool, ranks: Ranks = ALONE
    ) -> Validation:
        batches = Batches(
            self.source.splits["val"],
            self.preprocess,
            augment=None,
            batching=Batching(size=BATCH),
            share=ranks.share,
        )
        logits, labels, _ = answers(network, batches, device, amp=amp)
        logits, labels = (torch.cat(parts) for parts in zip(*ranks.gathered((logits, labels)), strict=True))
        found = score(logits, labels, self.source.classes)
        if not math.isfinite(found.loss):
            place = first_batch_not_finite(network, (batch.images.to(device) for batch in batches.epoch(0)))
            place = first_of(ranks.gathered(place))
            raise Diverged(f"the validation loss is {found.loss}; the first that is not finite: {place}")
        return Validation(loss=found.loss, accuracy=found.top1)

    def evaluate(self, model: Model, split: str, data: str, device: str, folder: Path) -> Evaluation:
        pictures = self.source.splits[split]
        found = evaluate_split(model, pictures, data, device)
        write_evaluation(folder, found, pictures, self.preprocess)
        return found
