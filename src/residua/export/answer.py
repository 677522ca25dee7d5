"""What a loaded program says of pictures, prepared as its card says."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import final

import torch
from torch import Tensor

from residua.data import Picture, Preprocess
from residua.data.masks import MaskPreprocess
from residua.data.preprocess import with_channels
from residua.export.pictures import as_bytes, as_tensor
from residua.export.program import Program
from residua.nets.spec import stride
from residua.parts import Part
from residua.runs.model import MaskModelCard
from residua.training import MaskPrediction, Prediction, mask_prediction
from residua.training.files import listed
from residua.training.predict import answered, as_named
from residua.training.segmenter import Segmenter


def logits(program: Program, pictures: Sequence[Picture]) -> list[Tensor]:
    """Return the logits of each picture.

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
    preprocess = of_classes(program)
    if program.card.inside:
        return as_tensor(with_channels(picture, preprocess.channels))
    return preprocess.pixels(picture)


def as_input(program: Program, pixels: Tensor) -> Tensor:
    """Return a batch of bytes as the program takes it: normalised, unless it does that itself."""
    return pixels if program.card.inside else of_classes(program).normalise(pixels)


def of_classes(program: Program) -> Preprocess:
    """Return the preprocessing of a program that says one class of each picture."""
    preprocess = program.card.preprocess
    assert isinstance(preprocess, Preprocess), "asked of a network that says one class of each pixel"
    return preprocess


def predict(
    program: Program, files: str | Path | Iterable[str | Path], *, top: int = 5
) -> Iterator[Prediction]:
    """Give a prediction for each picture, as `residua.predict` does, from a loaded program.

    Raises:
        BadInput: no picture is named, or no class is to be.
    """

    def ask(pictures: Sequence[Picture]) -> Tensor:
        return torch.stack(logits(program, pictures)).softmax(1)

    paths = [path for file in as_named(files, top) for path in listed(file)]
    side = of_classes(program).read_side
    return answered(ask, paths, classes=program.card.model.classes, side=side, top=top)


@final
class Running(Part):
    """A loaded program as a part, for what takes a network: from normalised pictures to logits."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program

    def forward(self, x: Tensor) -> Tensor:
        card = self.program.card
        if card.inside:
            assert isinstance(card.preprocess, MaskPreprocess)
            x = as_bytes(x, card.preprocess)
        return self.program(x)


def predict_masks(
    program: Program, files: str | Path | Iterable[str | Path], *, out: Path | None, flips: bool = False
) -> Iterator[MaskPrediction]:
    """Give a mask for each picture, as `residua.predict` does, from a loaded program.

    Raises:
        BadInput: no picture is named.
    """
    card = program.card.model
    assert isinstance(card, MaskModelCard), "asked of a network that says one class of each picture"
    named = as_named(files, top=1)
    segmenter = segmenter_of(program, flips=flips)
    return mask_prediction.predict_masks(
        segmenter, named, classes=card.classes, encoding=card.encoding, out=out
    )


def segmenter_of(program: Program, *, flips: bool = False) -> Segmenter:
    """Return what answers for pictures of any size from a program that says one class of each pixel."""
    card = program.card
    assert isinstance(card.preprocess, MaskPreprocess), (
        "asked of a network that says one class of each picture"
    )
    return Segmenter(
        network=Running(program),
        preprocess=card.preprocess,
        classes=len(card.model.classes),
        stride=stride(card.model.spec),
        device=torch.device("cpu"),
        flips=flips,
    )
