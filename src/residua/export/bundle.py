"""What is written into every exported file beside the network: all that using it takes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, final

import msgspec

from residua.data import Preprocess
from residua.data.masks import MaskPreprocess
from residua.errors import BadRun
from residua.files import NOT_JSON
from residua.runs import ModelCard
from residua.runs.model import MaskModelCard

Precision = Literal["fp32", "bf16", "int8"]
Form = Literal["onnx", "openvino", "pt2", "safetensors"]

SUFFIXES: Final[Mapping[str, Form]] = {
    ".onnx": "onnx",
    ".xml": "openvino",
    ".pt2": "pt2",
    ".safetensors": "safetensors",
}
KEY: Final = "residua"
"""Under which the card stands in the metadata of a file, whatever its form."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What an exported file says of itself.

    Attributes:
        model: the network's card: spec, classes, preprocessing, metrics, licence.
        precision: of the numbers inside.
        inside: whether the preprocessing is part of the program, which then takes pictures of bytes of any size.
    """

    model: ModelCard | MaskModelCard
    precision: Precision = "fp32"
    inside: bool = False

    @property
    def segments(self) -> bool:
        """Whether it answers for every pixel."""
        return isinstance(self.model, MaskModelCard)

    @property
    def preprocess(self) -> Preprocess | MaskPreprocess:
        """From a picture to what the network inside takes."""
        return self.model.preprocess


def metadata(card: Card) -> dict[str, str]:
    """Return what is written into a file: the card for us, and in plain words what anybody needs.

    Classes and numbers are JSON.
    """
    preprocess = card.preprocess
    said = {
        KEY: msgspec.json.encode(card).decode(),
        "classes": json.dumps(card.model.classes),
        "input": taken(card),
        "output": "logits of the classes" + (" for every pixel" if card.segments else ""),
        "mean": json.dumps(preprocess.mean),
        "std": json.dumps(preprocess.std),
        "precision": card.precision,
    }
    return said | ({"licence": card.model.licence} if card.model.licence else {})


def taken(card: Card) -> str:
    """Return in words what the program takes."""
    preprocess = card.preprocess
    colours = {1: "grey", 3: "RGB"}.get(preprocess.channels, f"{preprocess.channels} channels")
    free = card.inside or isinstance(preprocess, MaskPreprocess)
    side = "height x width"
    if isinstance(preprocess, Preprocess) and not free:
        side = f"{preprocess.size} x {preprocess.size}"
    shape = f"batch x {preprocess.channels} x {side}"
    if card.inside:
        return f"{shape}, {colours}, uint8 as in a picture"
    return f"{shape}, {colours}, float32: pixels / 255, less mean, divided by std"


class _Kind(msgspec.Struct):
    model: dict[str, Any]
    precision: Precision = "fp32"
    inside: bool = False


def read_card(found: Mapping[str, str], path: Path) -> Card:
    """Return the card in the metadata of a file.

    Raises:
        BadRun: there is none, or it is of another version.
    """
    if KEY not in found:
        raise BadRun(
            f"{path} says nothing of its classes and its preprocessing: `residua export` did not write it"
        )
    try:
        kind = msgspec.json.decode(found[KEY], type=_Kind)
        model: ModelCard | MaskModelCard
        if kind.model.get("task") == "segmentation":
            model = msgspec.convert(kind.model, MaskModelCard)
        else:
            model = msgspec.convert(kind.model, ModelCard)
        return Card(model=model, precision=kind.precision, inside=kind.inside)
    except NOT_JSON as error:
        raise BadRun(f"{path} cannot be read: {error}; export it again with this version") from error


def form_of(path: Path) -> Form | None:
    """Return the form of an exported file by its name, or None if it is none.

    >>> form_of(Path("runs/photos/export/model.onnx")), form_of(Path("runs/photos"))
    ('onnx', None)
    """
    return SUFFIXES.get(path.suffix.lower())
