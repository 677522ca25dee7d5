"""One class of each pixel."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, assert_never, final

import numpy as np
import torch
from torch import Tensor

from residua.data import WHOLE, BadFile, Batching, Share, memory_limit
from residua.data.masks import MaskAugment, MaskBatches, MaskPreprocess, MaskSource, load_masks, unusable
from residua.errors import BadData, BadInput
from residua.look import Examples, Loss
from residua.nets.network import Network
from residua.nets.spec import Spec, stride
from residua.objective import (
    boundary_loss,
    dice_loss,
    focal_loss,
    frequency_weights,
    pixel_cross_entropy,
)
from residua.runs import Model
from residua.training.distributed import ALONE, Ranks
from residua.training.mask_evaluation import (
    MaskEvaluation,
    evaluate_mask_split,
    validated,
    write_mask_evaluation,
)
from residua.training.network import segmenting_spec
from residua.training.recipe import Recipe, Settings
from residua.training.record import MaskRecord, mask_record
from residua.training.segmenter import Segmenter
from residua.training.tasks.task import Choices, Task, TrainingBatches, Validation
from residua.training.tasks.usual import usual_choices, usual_momentum, usual_optimizer
from residua.types import VOID

SAMPLES: Final = 64
OF_PICTURES: Final = ("recipe", "image_size", "early_size", "mixup", "cutmix")
"""Settings that only one class a picture has a use for."""
BACKGROUNDS: Final = ("background", "_background_", "bg", "ground", "none", "nothing", "0")
"""What the class between the things is called."""
SMALL: Final = 96
"""Up to this many pixels a side a network is enough that halves them three times."""
RAREST: Final = 1e-4
"""The share of a class at least, where its bias begins: one that is hardly there must still be learned."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation(Task):
    """Pictures with masks, and how they are brought to the network.

    Attributes:
        source: the pictures with their masks.
        preprocess: of the pictures.
    """

    source: MaskSource
    preprocess: MaskPreprocess
    score: ClassVar[str] = "mean IoU"

    @staticmethod
    def refuse(settings: Settings) -> None:
        for name in OF_PICTURES:
            if getattr(settings, name) is not None:
                hint = "; --crop and --scale say what is seen" if name == "image_size" else ""
                raise BadInput(
                    f"--{name.replace('_', '-')} is for one class a picture; these have masks{hint}. Leave it out"
                )
        if settings.model is not None:
            segmenting_spec(
                settings.model, stochastic_depth=settings.stochastic_depth, zero_init=settings.zero_init
            )

    def choices(self, settings: Settings) -> Choices:
        source, (height, width) = self.source, self.preprocess.crop
        count, small = len(source.splits["train"]), max(height, width) <= SMALL
        pixels = list(source.splits["train"].pixels().values())
        epochs = min(100, max(20, round(40_000 / count)))
        batch_size = min(count, max(4, min(16, 1 << max(0, (count // 48).bit_length() - 1))))
        optimizer = usual_optimizer(settings, "adamw")
        large, little = {"sgd": (0.1, 0.2), "adamw": (1e-3, 3e-3), "muon": (0.1, 0.1)}[optimizer]
        made_for = f"for what is up to {SMALL} pixels" if small else "a ResNet-18 on the way down"
        size = "whole pictures" if self.preprocess.crop == self.typical else "pieces of the pictures"
        return usual_choices(settings) | {
            "model": (
                "unet_slim" if small else "unet_resnet18",
                f"{made_for}; seen at {height} × {width}",
            ),
            "epochs": (epochs, "about 40,000 pictures in all, from 20 to 100 epochs"),
            "batch_size": (
                batch_size,
                f"4 to 16 by the size of the set: {count // batch_size:,} steps an epoch",
            ),
            "lr": (
                little if small else large,
                "the usual one for this optimizer and a network of this size",
            ),
            "optimizer": ("adamw", "U-Nets learn sooner with it"),
            "momentum": usual_momentum(optimizer),
            "weight_decay": (0.01 if optimizer == "adamw" else 5e-4, "the usual one for this optimizer"),
            "warmup": (0.05, "a twentieth of the steps"),
            "label_smoothing": (0.0, "masks are sure"),
            "class_weights": (
                False,
                f"the classes have from {min(pixels):,} to {max(pixels):,} pixels; Dice evens them",
            ),
            "augment": (
                "light",
                "turned, zoomed, bent and recoloured a little"
                + (", flips" if source.mirrored else "; these are not mirrored"),
            ),
            "loss": ("ce+dice", "cross-entropy for each pixel, Dice for small classes"),
            "crop": (max(height, width), f"{height} × {width} pixels: {size}"),
            "scale": (1.0, "pictures are seen at their own size"),
        }

    @property
    def typical(self) -> tuple[int, int]:
        """Height and width of most pictures at the scale of the network."""
        height, width = (max(1, round(side * self.preprocess.scale)) for side in self.source.typical_size)
        return height, width

    def spec(self, recipe: Recipe) -> Spec:
        return segmenting_spec(
            recipe.model,
            stochastic_depth=recipe.stochastic_depth,
            zero_init=recipe.zero_init,
            classes=len(self.source.classes),
            in_channels=self.source.channels,
        )

    @torch.no_grad()
    def begin(self, network: Network) -> None:
        """Start the biases of the last layer at the share of each class, as Lin et al. 2017 (arXiv:1708.02002) do.

        Else the first hundred steps only learn that most pixels are background.
        """
        pixels = torch.tensor(list(self.source.splits["train"].pixels().values()), dtype=torch.float64)
        shares = (pixels / pixels.sum()).clamp(min=RAREST)
        network.get_parameter("head.bias").copy_(shares.log())

    def sample(self) -> Tensor:
        return torch.zeros(1, self.preprocess.channels, *self.preprocess.crop)

    def loaded(
        self, tell: Callable[[int, int], None], processes: int = 1, *, every: bool = False
    ) -> "Segmentation":
        limit = memory_limit(processes)
        source = load_masks(self.source, self.preprocess, memory_limit=limit, every=every, tell=tell)
        return replace(self, source=source)

    def without(self, bad: tuple[BadFile, ...]) -> "Segmentation":
        return replace(self, source=self.source.without(bad))

    def unusable(self, data: str | Path) -> BadData:
        return unusable(data, self.source.bad)

    def record(self, data: str | Path) -> MaskRecord:
        return mask_record(self.source, data, self.preprocess)

    def model(self, name: str, network: Network) -> Model:
        return Model(
            name=name,
            network=network,
            classes=self.source.classes,
            preprocess=self.preprocess,
            encoding=self.source.encoding,
        )

    def batches(self, recipe: Recipe, share: Share = WHOLE) -> TrainingBatches:
        return MaskBatches(
            self.source.splits["train"],
            self.preprocess,
            augment=MaskAugment.for_source(self.source, strength=recipe.augment),
            batching=Batching(size=recipe.batch_size, seed=recipe.seed, shuffle=True, drop_last=True),
            workers=recipe.workers or None,
            share=share,
        )

    def loss(self, recipe: Recipe, device: torch.device, ranks: Ranks = ALONE) -> Loss:
        weights = None
        if recipe.class_weights:
            weights = frequency_weights(list(self.source.splits["train"].pixels().values())).to(device)
        total = ranks.total
        entropy = partial(pixel_cross_entropy, weights=weights, smoothing=recipe.label_smoothing, total=total)
        dice = partial(dice_loss, total=total)
        match recipe.loss:
            case "ce":
                return entropy
            case "dice":
                return dice
            case "ce+dice":
                return lambda logits, masks: entropy(logits, masks) + dice(logits, masks)
            case "focal":
                return partial(focal_loss, weights=weights, total=total)
            case "boundary":
                return partial(boundary_loss, weights=weights, background=self.background, total=total)
            case _:
                assert_never(recipe.loss)

    @property
    def background(self) -> int | None:
        """The class that lies between the things, by its name; None where there is none such."""
        named = (index for index, name in enumerate(self.source.classes) if name.casefold() in BACKGROUNDS)
        return next(named, None)

    def examples(self) -> Examples:
        train = self.source.splits["train"]
        few = np.random.default_rng(0).permutation(len(train))[:SAMPLES]
        batches = MaskBatches(
            train.chosen(few.tolist()),
            self.preprocess,
            augment=MaskAugment(rare=0),
            batching=Batching(size=SAMPLES),
            workers=0,
        )
        batch = next(iter(batches.epoch(1)))
        return batch.images.contiguous(), batch.targets.long()

    def right(self, logits: Tensor, targets: Tensor) -> tuple[int, int]:
        targets = targets.to(logits.device)
        right = int((logits.argmax(1) == targets).sum())
        return right, int((targets != VOID).sum())

    def validate(
        self, network: Network, device: torch.device, *, amp: bool, ranks: Ranks = ALONE
    ) -> Validation:
        segmenter = Segmenter(
            network=network,
            preprocess=self.preprocess,
            classes=len(self.source.classes),
            stride=stride(network.spec),
            device=device,
            amp=amp,
        )
        found = validated(segmenter, self.source.splits["val"], ranks)
        return Validation(loss=found.loss, accuracy=found.pixel_accuracy, mean_iou=found.mean_iou)

    def evaluate(self, model: Model, split: str, data: str, device: str, folder: Path) -> MaskEvaluation:
        pictures = self.source.splits[split]
        found = evaluate_mask_split(model, pictures, data, device)
        write_mask_evaluation(folder, found, model, pictures, device)
        return found
