"""A trained network and all that using it takes: two files, no pickle."""

from abc import ABC
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

import msgspec
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from residua.data import Preprocess
from residua.data.masks import MaskEncoding, MaskPreprocess
from residua.errors import BadRun
from residua.files import reading, replacing
from residua.nets.build import build
from residua.nets.cost import macs, parameters
from residua.nets.network import Network
from residua.nets.spec import Spec
from residua.runs.folder import read_json, refuse_newer, write_json
from residua.seals import BLANK, SEAL, seal, sealed

FORMAT: Final = 1
"""Of `model.json`: the one that is written, and the newest that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card(ABC):
    """What stands in `model.json` beside the weights, whatever the network says.

    Attributes:
        format: of this file.
        name: of the network.
        spec: to build it from.
        classes: names, in the order of the outputs.
        parameters: learned numbers.
        macs: multiply-adds on one image of the training's size.
        metrics: what was measured, by name.
        licence: of the weights, if its maker named one.
    """

    format: int = FORMAT
    name: str
    spec: Spec
    classes: tuple[str, ...]
    parameters: int
    macs: int
    metrics: dict[str, float]
    licence: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard(Card):
    """The card of a network that says one class of each picture; `preprocess` is the one that training used."""

    preprocess: Preprocess
    task: Literal["classification"] = "classification"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MaskModelCard(Card):
    """The card of a network that says one class of each pixel; `encoding` says how they stand in mask files."""

    preprocess: MaskPreprocess
    encoding: MaskEncoding
    task: Literal["segmentation"] = "segmentation"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A network with its class names and its preprocessing.

    Attributes:
        name: of the network.
        network: with its weights.
        classes: names, in the order of the outputs.
        preprocess: of the pictures; that of masks if it says a class of each pixel.
        encoding: how the classes stand in mask files; None for classification.
    """

    name: str
    network: Network
    classes: tuple[str, ...]
    preprocess: Preprocess | MaskPreprocess
    encoding: MaskEncoding | None = None
    licence: str | None = None

    @property
    def task(self) -> Literal["classification", "segmentation"]:
        """What it says: one class of each picture, or one of each pixel."""
        return "classification" if isinstance(self.preprocess, Preprocess) else "segmentation"


def card_of(model: Model, metrics: dict[str, float]) -> ModelCard | MaskModelCard:
    """Return what is to be written beside the weights of `model`."""
    network, preprocess = model.network, model.preprocess
    if isinstance(preprocess, Preprocess):
        return ModelCard(
            name=model.name,
            spec=network.spec,
            classes=model.classes,
            preprocess=preprocess,
            parameters=parameters(network),
            macs=macs(network, in_channels=preprocess.channels, image_size=preprocess.size),
            metrics=metrics,
            licence=model.licence,
        )
    assert model.encoding is not None, "a model for masks has an encoding"
    return MaskModelCard(
        name=model.name,
        spec=network.spec,
        classes=model.classes,
        preprocess=preprocess,
        encoding=model.encoding,
        parameters=parameters(network),
        macs=macs(network, in_channels=preprocess.channels, image_size=preprocess.crop),
        metrics=metrics,
        licence=model.licence,
    )


class _Kind(msgspec.Struct):
    task: str = "classification"


def read_card(path: Path) -> ModelCard | MaskModelCard:
    """Return what a `model.json` says.

    Raises:
        BadRun: it cannot be read, or a newer version wrote it.
    """
    refuse_newer(path, FORMAT)
    masks = read_json(path, _Kind).task == "segmentation"
    return read_json(path, MaskModelCard) if masks else read_json(path, ModelCard)


def save_model(folder: Path, card: ModelCard | MaskModelCard, weights: dict[str, Tensor]) -> None:
    """Write `model.safetensors` and `model.json`, each whole or not at all.

    Raises:
        BadRun: the disk is full or read-only.
    """
    with replacing(folder / "model.safetensors") as temporary:
        tensors = {name: tensor.contiguous() for name, tensor in weights.items()}
        save_file(tensors, temporary, metadata={SEAL: BLANK})
        seal(temporary)
    write_json(folder / "model.json", card)


def load_model(folder: str | Path) -> Model:
    """Read a model from a folder that holds `model.safetensors` and `model.json`, ready to evaluate, on the CPU.

    Raises:
        BadRun: a file is missing or broken, or the two do not belong together.
    """
    folder = Path(folder)
    described, stored = folder / "model.json", folder / "model.safetensors"
    for path in (described, stored):
        with reading(path):
            found = path.exists()
        if not found:
            raise BadRun(
                f"{folder} holds no {path.name}: the run has not finished an epoch yet, or it is no run; "
                f"`residua resume {folder}` goes on with it"
            )
    card = read_card(described)
    try:
        weights = whole_weights(stored)
        network = build(card.spec)
        network.load_state_dict(weights)
    except (SafetensorError, RuntimeError) as error:
        raise BadRun(f"{stored} cannot be read as the weights of {card.name}: {error}") from error
    return Model(
        name=card.name,
        network=network.eval(),
        classes=card.classes,
        preprocess=card.preprocess,
        encoding=card.encoding if isinstance(card, MaskModelCard) else None,
        licence=card.licence,
    )


def whole_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights in a file of ours, of which every byte is as it was written.

    The files of 0.1 have neither a seal nor any other text in their header.

    Raises:
        BadRun: it cannot be read, or its seal is broken or gone.
    """
    whole = sealed(path)
    with reading(path), safe_open(path, framework="pt") as file:
        if file.metadata() and not whole:
            raise BadRun(f"{path} is damaged, or another program wrote it: it has no checksum of ours")
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
