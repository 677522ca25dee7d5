"""Weights that a training begins with, or an evaluation judges: from a file, a run, or the Hugging Face Hub."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from torch import Tensor

from residua.data import Preprocess
from residua.data.masks import MaskPreprocess
from residua.errors import BadInput, BadRun, UnknownName
from residua.nets.adapters import read_weights
from residua.nets.adapters.hub import PREFIX, fetch
from residua.nets.build import resized
from residua.nets.presets import PRESETS
from residua.nets.presets import spec as spec_named
from residua.runs import open_run
from residua.runs.folder import RUNS
from residua.runs.model import Card, read_card

CARD = "model.json"
STORED = "model.safetensors"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights as they were found, and what is known of them.

    Attributes:
        where: as the user named them.
        state: tensors under whatever names they have.
        model: the network they are of, for `--model`; None if nobody has said.
        classes: of their outputs, if they come from a run.
        preprocess: of their training, if they come from a run.
        mean: subtracted from each channel of a picture in [0, 1], if it is known.
        std: that each channel was divided by.
        licence: of the weights, if it is known.
    """

    where: str
    state: Mapping[str, Tensor]
    model: str | None = None
    classes: tuple[str, ...] | None = None
    preprocess: Preprocess | MaskPreprocess | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    licence: str | None = None


def open_weights(where: str) -> Weights:
    """Read the weights that a user names.

    Args:
        where: a safetensors file or a pickled state dict, the folder or the name of a run, or hf:OWNER/REPO.

    Raises:
        BadRun: there are none, or they cannot be read without running code.
        BadInput: that is no name of a repository.
        MissingExtra: the Hub is named, and huggingface_hub is not installed.
    """
    if where.startswith(PREFIX):
        return from_hub(where)
    if (folder := run_folder(where)) is not None:
        return from_run(where, folder)
    if not Path(where).exists():
        raise BadRun(
            f"{where} is no file of weights and no run; give a file, a run, or hf:OWNER/REPO for a repository of "
            "the Hugging Face Hub"
        )
    return Weights(where=where, state=read_weights(Path(where)))


def from_hub(where: str) -> Weights:
    """Read what a repository of the Hub holds; the network is known if its `config.json` names one of ours."""
    found = fetch(where)
    return Weights(
        where=where,
        state=read_weights(found.path),
        model=found.architecture if found.architecture in PRESETS else None,
        mean=found.mean,
        std=found.std,
        licence=found.licence,
    )


def from_run(where: str, folder: Path) -> Weights:
    """Read the weights that a run keeps."""
    card = read_card(folder / CARD)
    return Weights(
        where=where,
        state=read_weights(folder / STORED),
        model=card.name if is_preset(card) else str(folder / CARD),
        classes=card.classes,
        preprocess=card.preprocess,
        mean=card.preprocess.mean,
        std=card.preprocess.std,
        licence=card.licence,
    )


def is_preset(card: Card) -> bool:
    """Return whether a network is the one that its name stands for, but for its classes and input channels."""
    try:
        ours = spec_named(card.name)
    except UnknownName:
        return False
    return resized(ours, classes=card.spec.classes, in_channels=card.spec.in_channels) == card.spec


def run_folder(where: str) -> Path | None:
    """Return the folder of a run that holds a model, or None if that is no such folder."""
    for folder in (Path(where), RUNS / where):
        if (folder / CARD).is_file():
            return folder
    if Path(where).is_dir():
        open_run(where)  # says why it is none
        raise BadRun(f"{where} holds no {CARD}: the run has not finished an epoch yet")
    return None


def named_network(weights: Weights, model: str | None) -> str:
    """Return the network that weights are of: the user's word, or what came with them.

    Raises:
        BadInput: nobody has said.
    """
    named = model or weights.model
    if named is None:
        raise BadInput(
            f"{weights.where} does not say what network it is of; say it with --model, such as --model resnet50"
        )
    return named
