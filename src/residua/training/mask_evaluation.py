"""How good a network is on pictures with masks, at their original size, and which it gets most wrong."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from residua.data import BadFile
from residua.data.masks import ClassMap, MaskEncoding, MaskSplit
from residua.errors import Diverged
from residua.files import writing
from residua.objective import MaskCounts, MaskScores, count_pixels, mask_scores
from residua.runs import Model, write_json
from residua.training.distributed import ALONE, Ranks
from residua.training.panels import write_panels
from residua.training.processor import open_device
from residua.training.segmenter import Segmenter, segmenter_for
from residua.training.tiles import Block
from residua.types import VOID

WORST: Final = 12


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MaskMistake:
    """One picture of which much was said wrong.

    Attributes:
        name: of the picture.
        height: of the picture.
        width: of the picture.
        mean_iou: over the classes that truth or prediction has in it.
        pixel_accuracy: share of its pixels whose class is right.
        wrong: how many pixels are not.
    """

    name: str
    height: int
    width: int
    mean_iou: float
    pixel_accuracy: float
    wrong: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MaskEvaluation:
    """What was evaluated, its scores, and the pictures that are most wrong.

    Attributes:
        data: as the user named it.
        split: of the data.
        scores: over the whole split at once.
        worst: pictures, the lowest mean IoU first.
        left_out: the pictures that could not be read, and why.
    """

    data: str
    split: str
    scores: MaskScores
    worst: tuple[MaskMistake, ...]
    left_out: tuple[BadFile, ...] = ()


@final
@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What was said of one picture, and how it compares with the truth."""

    index: int
    guess: ClassMap
    counts: MaskCounts


def answers(segmenter: Segmenter, split: MaskSplit, *, edges: bool) -> Iterator[Answer]:
    """Give what a network says of each picture of a split, at its original size.

    Args:
        segmenter: the network.
        split: with masks.
        edges: compare boundaries too.
    """
    for index in range(len(split)):
        picture, mask = split.read(index, scale=segmenter.preprocess.scale)
        truth = torch.from_numpy(mask).to(segmenter.device)
        guess = torch.empty_like(truth)
        loss = 0.0
        height, width = mask.shape
        for block in segmenter.blocks(picture, (height, width)):
            guess[block.place] = block.shares.argmax(0).to(torch.uint8)
            loss += surprise(block, truth[block.place])
        counts = count_pixels(truth[None], guess[None], segmenter.classes, loss=loss, edges=edges)
        yield Answer(index, guess.cpu().numpy(), counts)


def surprise(block: Block, truth: Tensor) -> float:
    """Return the sum of the cross-entropy of the pixels of a block that have a class."""
    kept = truth != VOID
    of_truth = block.shares.gather(0, torch.where(kept, truth, 0).long()[None])[0]
    # A share that is 0 in float32 is one below 1e-38; the loss of a network that is finite stays so.
    return -(of_truth.clamp(min=1e-38).log() * kept).double().sum().item()


def validated(segmenter: Segmenter, split: MaskSplit, ranks: Ranks = ALONE) -> MaskScores:
    """Return the scores of a network on a split, without its boundaries.

    Args:
        segmenter: the network.
        split: with masks.
        ranks: the processes that take a part of the split each.

    Raises:
        Diverged: what it says of a picture is not finite.
    """
    mine = split.chosen(ranks.share.of(np.arange(len(split))).tolist()) if ranks.together else split
    counts = MaskCounts.none(segmenter.classes)
    bad: str | None = None
    for answer in answers(segmenter, mine, edges=False):
        if not math.isfinite(answer.counts.loss):
            bad = f"the validation loss of {mine.names[answer.index]} is {answer.counts.loss}"
            break
        counts = counts + answer.counts
    everyone = ranks.gathered((counts, bad))
    if first := next((said for _, said in everyone if said), None):
        raise Diverged(first)
    return mask_scores(sum((part for part, _ in everyone), MaskCounts.none(segmenter.classes)), split.classes)


def evaluate_mask_split(
    model: Model, split: MaskSplit, data: str, device: str | None = None, *, flips: bool = False
) -> MaskEvaluation:
    """Evaluate a model on a split that is open already.

    Args:
        model: for masks.
        split: with masks.
        data: as the user named it.
        device: to run on; the fastest here if not given.
        flips: average what is said of each picture and of its mirror image.
    """
    segmenter = segmenter_for(model, open_device(device), flips=flips)
    counts = MaskCounts.none(segmenter.classes)
    mistakes = []
    for answer in answers(segmenter, split, edges=True):
        counts = counts + answer.counts
        mistakes.append(mistake(answer, split))
    mistakes.sort(key=lambda one: one.mean_iou)
    return MaskEvaluation(
        data=data,
        split=split.name,
        scores=mask_scores(counts, split.classes),
        worst=tuple(one for one in mistakes[:WORST] if one.wrong),
    )


def mistake(answer: Answer, split: MaskSplit) -> MaskMistake:
    """Return how wrong one picture is."""
    scores = mask_scores(answer.counts, split.classes)
    height, width = answer.guess.shape
    return MaskMistake(
        name=split.names[answer.index],
        height=height,
        width=width,
        # A picture without a pixel that has a class has nothing wrong in it.
        mean_iou=scores.mean_iou if scores.pixels else 1.0,
        pixel_accuracy=scores.pixel_accuracy if scores.pixels else 1.0,
        wrong=scores.pixels - sum(row[index] for index, row in enumerate(scores.confusion)),
    )


def write_mask_evaluation(
    folder: Path, evaluation: MaskEvaluation, model: Model, split: MaskSplit, device: str | None
) -> None:
    """Write the scores as JSON, and what the worst pictures show as pictures, as the report reads them.

    Raises:
        BadRun: the disk is full or read-only.
    """
    segmenter = segmenter_for(model, open_device(device))
    encoding = model.encoding
    assert encoding is not None, "a model for masks has an encoding"
    place = {name: index for index, name in enumerate(split.names)}
    pictures = folder / evaluation.split
    with writing(pictures):
        pictures.mkdir(parents=True, exist_ok=True)
    shown = []
    for number, one in enumerate(evaluation.worst):
        chosen = split.chosen([place[one.name]])
        (answer,) = answers(segmenter, chosen, edges=False)
        picture, mask = chosen.read(0)
        panels = write_panels(pictures, f"{number:03d}", picture, (mask, answer.guess), encoding)
        files = {name: f"{folder.name}/{evaluation.split}/{file}" for name, file in panels.items()}
        shown.append({name: getattr(one, name) for name in SAID} | files)
    write_json(folder / f"{evaluation.split}.json", written(evaluation, encoding, shown))


SAID: Final = ("name", "height", "width", "mean_iou", "pixel_accuracy", "wrong")


def written(
    evaluation: MaskEvaluation, encoding: MaskEncoding, shown: list[dict[str, object]]
) -> dict[str, object]:
    """Return what stands in the file of an evaluation."""
    scores = evaluation.scores
    return {
        "task": "segmentation",
        "data": evaluation.data,
        "split": evaluation.split,
        **{name: getattr(scores, name) for name in scores.__dataclass_fields__},
        "colours": encoding.colours(),
        "left_out": evaluation.left_out,
        "worst": shown,
    }
