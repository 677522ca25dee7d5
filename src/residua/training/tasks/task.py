"""What a training is for: the data, and all that depends on what is to be said of a picture.

Two final forms stand beside each other: `classification.py` says one class of each picture, `segmentation.py` one of
each pixel. Everything else in `training/` knows neither.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, final, runtime_checkable

import torch
from torch import Tensor

from residua.data import WHOLE, BadFile, Batch, Share, Source
from residua.data.masks import MaskBatch, MaskSource
from residua.errors import BadData
from residua.look import Examples, Loss
from residua.nets.network import Network
from residua.nets.spec import Spec
from residua.runs import Model
from residua.training.distributed import ALONE, Ranks
from residua.training.evaluate import Evaluation
from residua.training.mask_evaluation import MaskEvaluation
from residua.training.recipe import Recipe, Settings

Choices = dict[str, tuple[Any, str]]
"""For each setting the value that is chosen where the user leaves it open, and why."""


@runtime_checkable
class TrainingBatches(Protocol):
    """Batches to learn from; an epoch can be begun at any of them."""

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch | MaskBatch]:
        """Give the batches of an epoch from number `start` on."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """How good the averaged weights are on the validation split.

    Attributes:
        loss: mean cross-entropy.
        accuracy: share of the pictures, or of their pixels, whose class is right.
        mean_iou: mean intersection over union of the classes; None where pictures have one class each.
    """

    loss: float
    accuracy: float
    mean_iou: float | None = None

    @property
    def deciding(self) -> float:
        """The score by which weights are compared."""
        return self.accuracy if self.mean_iou is None else self.mean_iou

    def metrics(self) -> dict[str, float]:
        """Return what stands beside the weights that were kept."""
        found = {"val_accuracy": self.accuracy, "val_loss": self.loss}
        return found if self.mean_iou is None else found | {"val_mean_iou": self.mean_iou}


class Task(ABC):
    """The data of a training, and all that depends on what is to be said of a picture.

    Attributes:
        source: the pictures with what is known of them.
        score: what the deciding score is called.
    """

    source: Source | MaskSource
    score: ClassVar[str]

    @staticmethod
    @abstractmethod
    def refuse(settings: Settings) -> None:
        """Refuse settings that this task has no use for, and networks that cannot do it, before any data is read.

        Raises:
            BadInput, BadSpec, UnknownName: with the reason.
        """

    @abstractmethod
    def choices(self, settings: Settings) -> Choices:
        """Return what is chosen for each setting when the user leaves it open, and why."""

    @abstractmethod
    def spec(self, recipe: Recipe) -> Spec:
        """Return the spec of the recipe's network for these classes and pictures.

        Raises:
            BadInput, BadSpec: it does not fit them.
        """

    @abstractmethod
    def begin(self, network: Network) -> None:
        """Set the first weights that the data say, in place, after all others were drawn."""

    @abstractmethod
    def sample(self) -> Tensor:
        """Return an empty picture of the size that the network trains on, with a batch dimension."""

    @abstractmethod
    def loaded(self, tell: Callable[[int, int], None], processes: int = 1, *, every: bool = False) -> "Task":
        """Return the task with every picture read once, and held in memory where all processes here have room.

        Pictures in shards that will not be held are read only for `every`.
        """

    @abstractmethod
    def without(self, bad: tuple[BadFile, ...]) -> "Task":
        """Return the task less some pictures."""

    @abstractmethod
    def unusable(self, data: str | Path) -> BadData:
        """Return the error that names the pictures that cannot be used."""

    @abstractmethod
    def record(self, data: str | Path) -> object:
        """Return what `data.json` of a run is to hold."""

    @abstractmethod
    def model(self, name: str, network: Network) -> Model:
        """Return a network with all that using it takes."""

    @abstractmethod
    def batches(self, recipe: Recipe, share: Share = WHOLE) -> TrainingBatches:
        """Return the batches to learn from, or this process's part of each."""

    @abstractmethod
    def loss(self, recipe: Recipe, device: torch.device, ranks: Ranks = ALONE) -> Loss:
        """Return what is minimised, from logits and targets to one number, over the parts of all processes."""

    @abstractmethod
    def examples(self) -> Examples:
        """Return some training pictures and their targets, drawn by lot but always the same, not varied."""

    @abstractmethod
    def right(self, logits: Tensor, targets: Tensor) -> tuple[int, int]:
        """Return how many classes a batch got right, and of how many; 0 of 0 where there is no right answer."""

    @abstractmethod
    def validate(
        self, network: Network, device: torch.device, *, amp: bool, ranks: Ranks = ALONE
    ) -> Validation:
        """Score a network on the validation split, of which each process takes a part.

        Raises:
            Diverged: what it says is not finite.
        """

    @abstractmethod
    def evaluate(
        self, model: Model, split: str, data: str, device: str, folder: Path
    ) -> Evaluation | MaskEvaluation:
        """Score the kept model on a split, write scores and pictures for the report, and return the evaluation."""
