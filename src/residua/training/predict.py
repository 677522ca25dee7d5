"""What a trained network says of single pictures."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from torch import Tensor

from residua.data import Picture, UnreadablePicture, read_picture
from residua.errors import BadInput
from residua.runs import Model
from residua.training.evaluate import of_pictures
from residua.training.files import EMPTY, is_folder, listed
from residua.training.mask_prediction import MaskPrediction, predict_masks
from residua.training.processor import open_device
from residua.training.segmenter import segmenter_for

BATCH = 64

Ask = Callable[[Sequence[Picture]], Tensor]
"""From pictures to the probabilities of their classes."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One picture: its likeliest classes with their probabilities, or why it could not be read.

    Attributes:
        file: as the user named it.
        classes: the likeliest first.
        probabilities: of those classes.
        error: why there is no answer, or None.
    """

    file: str
    classes: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    error: str | None = None


def predict(
    model: Model,
    files: str | Path | Iterable[str | Path],
    *,
    top: int = 5,
    device: str | None = None,
    out: str | Path | None = None,
    flips: bool = False,
) -> Iterator[Prediction] | Iterator[MaskPrediction]:
    """Give a prediction for each picture, in order; a folder stands for the pictures in it.

    What cannot be read has its place in the answers, with the reason.

    Args:
        model: from `residua.runs.load_model`.
        files: pictures or folders.
        top: how many classes of a picture to name; of its pixels every class is counted.
        device: to run on; the fastest here if not given.
        out: folder for the masks and for pictures with the classes laid over them; nothing is written without it.
        flips: average what is said of each pixel in a picture and in its mirror image.

    Raises:
        BadInput: no picture is named, or no class is to be; or masks are asked of a model that gives none.
    """
    named = as_named(files, top)
    where = open_device(device)
    if model.task == "segmentation":
        assert model.encoding is not None, "a model for masks has an encoding"
        segmenter = segmenter_for(model, where, flips=flips)
        folder = None if out is None else Path(out)
        return predict_masks(segmenter, named, classes=model.classes, encoding=model.encoding, out=folder)
    if out is not None or flips:
        raise BadInput(
            f"--out and --flips are for masks; {model.name} gives one class a picture. Leave them out"
        )
    network, preprocess = model.network.to(where).eval(), of_pictures(model)

    @torch.no_grad()
    def ask(pictures: Sequence[Picture]) -> Tensor:
        pixels = torch.stack([preprocess.pixels(picture) for picture in pictures])
        return network(preprocess.normalise(pixels).to(where)).float().softmax(1).cpu()

    paths = [path for file in named for path in listed(file)]
    return answered(ask, paths, classes=model.classes, side=preprocess.read_side, top=top)


def as_named(files: str | Path | Iterable[str | Path], top: int) -> list[Path]:
    """Return what a user names, as paths.

    Raises:
        BadInput: no picture is named, or no class is to be.
    """
    named = [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
    if not named:
        raise BadInput("no pictures were named; give files, or folders of them")
    if top < 1:
        raise BadInput(f"--top {top}: it must be at least 1")
    return named


def answered(
    ask: Ask, paths: list[Path], *, classes: tuple[str, ...], side: int, top: int
) -> Iterator[Prediction]:
    """Give the predictions, a batch at a time.

    Args:
        ask: from pictures to the probabilities of the classes.
        paths: of the pictures.
        classes: names, in the order of the probabilities.
        side: that a large picture is reduced to while it is read.
        top: how many classes to name.
    """
    for start in range(0, len(paths), BATCH):
        chosen = paths[start : start + BATCH]
        read: dict[Path, Picture] = {}
        errors: dict[Path, str] = {}
        for path in chosen:
            try:
                read[path] = read_picture(path, side=side)
            except UnreadablePicture as refusal:
                errors[path] = EMPTY if is_folder(path) else refusal.reason
        shares = dict(zip(read, ask(list(read.values())), strict=True)) if read else {}
        for path in chosen:
            if path in errors:
                yield Prediction(file=str(path), error=errors[path])
                continue
            ranked = shares[path].topk(min(top, len(classes)))
            names = tuple(classes[index] for index in ranked.indices.tolist())
            yield Prediction(file=str(path), classes=names, probabilities=tuple(ranked.values.tolist()))
