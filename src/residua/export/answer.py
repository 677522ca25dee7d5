"""What a loaded program says of pictures, prepared as its card says."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from residua.data import Picture
from residua.data.preprocess import with_channels
from residua.export.job import as_tensor
from residua.export.program import Program
from residua.training import Prediction
from residua.training.predict import answered, listed_all


def logits(program: Program, pictures: Sequence[Picture]) -> list[Tensor]:
    """Return the logits of each picture: classes, or for a network of every pixel classes × height × width.

    Pictures of one size go through the program together.

    Args:
        program: from `open_fastest`.
        pictures: uint8, height × width × 1, 3 or 4.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    ready = [prepared(program, picture) for picture in pictures]
    for place, images in enumerate(ready):
        groups.setdefault(tuple(images.shape), []).append(place)
    found: dict[int, Tensor] = {}
    for places in groups.values():
        answer = program(as_input(program, torch.stack([ready[place] for place in places])))
        found |= dict(zip(places, answer, strict=True))
    return [found[place] for place in range(len(pictures))]


def prepared(program: Program, picture: Picture) -> Tensor:
    """Return the bytes of a picture as the program takes them: cut and resized, unless it does that itself."""
    card = program.card
    if card.inside or card.segments:
        return as_tensor(with_channels(picture, card.preprocess.channels))
    return card.preprocess.pixels(picture)


def as_input(program: Program, pixels: Tensor) -> Tensor:
    """Return a batch of bytes as the program takes it: normalised, unless it does that itself."""
    return pixels if program.card.inside else program.card.preprocess.normalise(pixels)


def predict(
    program: Program, files: str | Path | Iterable[str | Path], *, top: int = 5
) -> Iterator[Prediction]:
    """Give a prediction for each picture, as `residua.predict` does, from a loaded program.

    Raises:
        BadInput: no picture is named, or no class is to be.
    """

    def ask(pictures: Sequence[Picture]) -> Tensor:
        return torch.stack(logits(program, pictures)).softmax(1)

    model = program.card.model
    return answered(
        ask, listed_all(files, top), classes=model.classes, side=model.preprocess.read_side, top=top
    )
