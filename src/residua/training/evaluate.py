"""How good a trained network is on pictures that it has not seen, and which it gets most wrong."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from PIL import Image
from torch import Tensor, nn

from residua.data import BadFile, Batches, Batching, Preprocess, Split
from residua.errors import BadInput
from residua.files import writing
from residua.objective import Scores, score
from residua.runs import Model, write_json
from residua.training.processor import open_device
from residua.types import Labels, Logits

BATCH = 256
WORST = 24


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One picture that was taken for another class; probabilities of the guess and of the truth."""

    name: str
    truth: str
    guess: str
    probability: float
    truth_probability: float
    thumbnail: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What was evaluated, its scores, and the mistakes it was surest of.

    Attributes:
        data: as the user named it.
        split: of the data.
        scores: over the whole split at once.
        mistakes: the worst, surest first.
        left_out: the pictures that could not be read, and why.
    """

    data: str
    split: str
    scores: Scores
    mistakes: tuple[Mistake, ...]
    left_out: tuple[BadFile, ...] = ()


@torch.no_grad()
def answers(
    network: nn.Module, batches: Batches, device: torch.device | str = "cpu", *, amp: bool = False
) -> tuple[Logits, Labels, Labels]:
    """Run a network over batches in evaluation mode.

    Returns:
        logits, labels, and the positions of the pictures in their split.
    """
    device = torch.device(device)
    was_training = network.training
    network.eval()
    logits: list[Tensor] = []
    labels: list[Tensor] = []
    indices: list[Tensor] = []
    with torch.autocast(device.type, torch.bfloat16, enabled=amp):
        for batch in batches.epoch(0):
            images = batch.images.to(device, memory_format=torch.channels_last)
            logits.append(network(images).float().cpu())
            labels.append(batch.targets)
            indices.append(batch.indices)
    network.train(was_training)
    return torch.cat(logits), torch.cat(labels), torch.cat(indices)


def of_pictures(model: Model) -> Preprocess:
    """Return the preprocessing of a model that says one class of each picture.

    Raises:
        BadInput: it says one of each pixel.
    """
    if not isinstance(model.preprocess, Preprocess):
        raise BadInput(f"{model.name} gives a class for every pixel; this needs one class a picture")
    return model.preprocess


def evaluate_split(
    model: Model, split: Split, data: str, device: str | None = None, workers: int | None = None
) -> Evaluation:
    """Evaluate a model on a split that is open already."""
    batches = Batches(split, of_pictures(model), augment=None, batching=Batching(size=BATCH), workers=workers)
    where = open_device(device)
    logits, labels, indices = answers(model.network.to(where), batches, where)
    return Evaluation(
        data=data,
        split=split.name,
        scores=score(logits, labels, model.classes),
        mistakes=tuple(worst(logits, labels, indices, split, model.classes)),
    )


def worst(
    logits: Logits, labels: Labels, indices: Labels, split: Split, classes: tuple[str, ...]
) -> Iterable[Mistake]:
    """Give the mistakes with the highest probability of the wrong class, surest first."""
    shares = logits.softmax(1)
    sure, guess = shares.max(1)
    wrong = (guess != labels).nonzero()[:, 0]
    for row in wrong[sure[wrong].argsort(descending=True, stable=True)][:WORST].tolist():
        yield Mistake(
            name=split.names[int(indices[row])],
            truth=classes[int(labels[row])],
            guess=classes[int(guess[row])],
            probability=sure[row].item(),
            truth_probability=shares[row, labels[row]].item(),
        )


def write_evaluation(folder: Path, evaluation: Evaluation, split: Split, preprocess: Preprocess) -> None:
    """Write the scores as JSON and the mistakes as small pictures, as the report reads them.

    Raises:
        BadRun: the disk is full or read-only.
    """
    pictures = folder / evaluation.split
    with writing(pictures):
        pictures.mkdir(parents=True, exist_ok=True)
    place = {name: index for index, name in enumerate(split.names)}
    shown = []
    for number, mistake in enumerate(evaluation.mistakes):
        path = pictures / f"{number:03d}.png"
        pixels = split.read(place[mistake.name], side=preprocess.read_side)
        image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        image.thumbnail((160, 160))
        with writing(path):
            image.save(path)
        shown.append({**as_dict(mistake), "thumbnail": f"{folder.name}/{evaluation.split}/{path.name}"})
    scores = as_dict(evaluation.scores)
    write_json(
        folder / f"{evaluation.split}.json",
        {"data": evaluation.data, "split": evaluation.split, **scores, "mistakes": shown},
    )


def as_dict(record: object) -> dict[str, object]:
    """Return the fields of a record without slots, by name; what is inside stays as it is."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}  # type: ignore[attr-defined]
