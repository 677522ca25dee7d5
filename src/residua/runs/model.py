"""A trained network and all that using it takes: two files, no pickle."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from residua.data import Preprocess
from residua.errors import BadRun
from residua.files import reading, replacing
from residua.nets.build import build
from residua.nets.cost import macs, parameters
from residua.nets.network import Network
from residua.nets.spec import Spec
from residua.runs.folder import read_json, write_json


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What stands in `model.json` beside the weights.

    Attributes:
        format: of this file.
        name: of the network.
        spec: to build it from.
        classes: names, in the order of the outputs.
        preprocess: the one that training used.
        parameters: learned numbers.
        macs: multiply-adds on one image of the training's size.
        metrics: what was measured, by name.
        licence: of the weights, if its maker named one.
    """

    format: int = 1
    name: str
    spec: Spec
    classes: tuple[str, ...]
    preprocess: Preprocess
    parameters: int
    macs: int
    metrics: dict[str, float]
    licence: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A network with its class names and its preprocessing."""

    name: str
    network: Network
    classes: tuple[str, ...]
    preprocess: Preprocess
    licence: str | None = None


def card_of(model: Model, metrics: dict[str, float]) -> ModelCard:
    """Return what is to be written beside the weights of `model`."""
    network = model.network
    size, channels = model.preprocess.size, model.preprocess.channels
    return ModelCard(
        name=model.name,
        spec=network.spec,
        classes=model.classes,
        preprocess=model.preprocess,
        parameters=parameters(network),
        macs=macs(network, in_channels=channels, image_size=size),
        metrics=metrics,
        licence=model.licence,
    )


def save_model(folder: Path, card: ModelCard, weights: dict[str, Tensor]) -> None:
    """Write `model.safetensors` and `model.json`, each whole or not at all.

    Raises:
        BadRun: the disk is full or read-only.
    """
    with replacing(folder / "model.safetensors") as temporary:
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, temporary)
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
    card = read_json(described, ModelCard)
    try:
        with reading(stored):
            weights = load_file(stored)
        network = build(card.spec)
        network.load_state_dict(weights)
    except (SafetensorError, RuntimeError) as error:
        raise BadRun(f"{stored} cannot be read as the weights of {card.name}: {error}") from error
    return Model(
        name=card.name,
        network=network.eval(),
        classes=card.classes,
        preprocess=card.preprocess,
        licence=card.licence,
    )
