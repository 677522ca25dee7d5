"""A trained residual network without the blocks that matter least.

A residual network behaves like an ensemble of its shallow paths: most blocks can be taken out of a trained one at a
small cost (Veit et al. 2016, arXiv:1605.06431). Here the cheapest ones are, for good, and a short training makes up for
them.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import torch
from safetensors.torch import save_file
from torch import nn

from residua.data import Split
from residua.data.masks import MaskSplit
from residua.export.bundle import Card
from residua.export.pictures import HeldOut, gathered, own_split
from residua.export.pruning import blocks_to_remove, without_the_cheapest
from residua.export.torch_program import as_program
from residua.export.verify import timed_together
from residua.nets.cost import parameters
from residua.nets.spec import ResNetSpec
from residua.runs import Model, Run, load_model, open_run, write_json
from residua.runs.model import card_of
from residua.training import Recipe, Settings, train
from residua.training.plan import Tell
from residua.training.record import read_config, read_record, whereabouts

LOOKED_AT: Final = 512
"""Training pictures on which the cost of a block is measured."""
RATE: Final = 0.1
"""Share of the run's learning rate: the network is near where it was."""
EPOCHS: Final = 0.2
"""Share of the run's epochs."""
RECORD: Final = "slim.json"
CPU: Final = torch.device("cpu")


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """What a network costs and does."""

    blocks: int
    parameters: int
    macs: int
    milliseconds: float
    accuracy: float


class Slimmed(msgspec.Struct, frozen=True, kw_only=True):
    """A network that became smaller.

    Attributes:
        before: what it was.
        after: what it is.
        untrained: accuracy without the blocks, before the short training.
        removed: the blocks, cheapest first, with the rise of the loss when each was taken out after those before it.
        pictures: held out, on which the accuracies are.
        epochs: of the short training.
    """

    before: Size
    after: Size
    untrained: float
    removed: tuple[tuple[str, float], ...]
    pictures: int
    epochs: int


def slim(
    run: str | Path,
    *,
    keep: float,
    to: str | Path | None = None,
    epochs: int | None = None,
    data: str | None = None,
    tell: Tell = lambda *_: None,
) -> tuple[Run, Slimmed]:
    """Take the blocks that matter least out of the network of a run, train it briefly, and leave a new run.

    What a block is worth is the rise of the loss on training pictures when it is silent, measured again after each that
    is taken out. Only blocks whose shortcut is the identity can go.

    Args:
        run: its folder, or its bare name under `runs/`.
        keep: share of the blocks that stay.
        to: the folder of the new run; RUN-slim by default.
        epochs: of the short training; a fifth of the run's by default.
        data: where the data of the run is now, if it has moved.
        tell: told what is being done.

    Returns:
        the new run, and both networks side by side on the pictures that were held out.

    Raises:
        BadInput: the network is no residual one, or so many blocks cannot go.
        BadRun: there is no such run, or the new one cannot be written.
        BadData: the data of the run is not there any more.
    """
    opened = open_run(run)
    model, recipe = load_model(opened.folder), read_config(opened).config
    count = blocks_to_remove(model.network, keep)
    training = own_split(opened, data, "train")
    seen = gathered(training, model.preprocess, LOOKED_AT)
    pruned = without_the_cheapest(model.network, seen, count, tell)
    smaller = replace(model, name=f"{model.name}-slim", network=pruned.network)
    settings = brief(recipe, epochs)
    with tempfile.TemporaryDirectory() as folder:
        spec, weights = written(Path(folder), smaller)
        settings = replace(settings, model=spec, weights=weights)
        name = str(to or opened.folder.with_name(f"{opened.folder.name}-slim"))
        where = data or whereabouts(read_record(opened))
        done, _ = train(where, settings, run=name, exam=False, tell=tell)
    held_out = own_split(opened, data, None)
    assert settings.epochs is not None
    found = compared(model, smaller, load_model(done.folder), held_out, pruned.removed, settings.epochs)
    write_json(done.folder / RECORD, found)
    return done, found


def brief(recipe: Recipe, epochs: int | None) -> Settings:
    """Return the settings of a run again, for a short training at a low rate."""
    return Settings(
        epochs=epochs or max(1, round(EPOCHS * recipe.epochs)),
        batch_size=recipe.batch_size,
        lr=RATE * recipe.lr,
        optimizer=recipe.optimizer,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        label_smoothing=recipe.label_smoothing,
        class_weights=recipe.class_weights,
        image_size=recipe.image_size,
        augment=recipe.augment,
        mixup=recipe.mixup,
        cutmix=recipe.cutmix,
        amp=recipe.amp,
        device=recipe.device,
        seed=recipe.seed,
    )


def written(folder: Path, model: Model) -> tuple[str, str]:
    """Write spec and weights for a training to begin with; return their paths."""
    spec, weights = folder / f"{model.name}.json", folder / "weights.safetensors"
    spec.write_bytes(msgspec.json.encode(model.network.spec))
    save_file(model.network.state_dict(), weights)
    return str(spec), str(weights)


def compared(
    before: Model,
    untrained: Model,
    after: Model,
    held_out: Split | MaskSplit,
    removed: tuple[tuple[str, float], ...],
    epochs: int,
) -> Slimmed:
    """Measure both networks on the pictures that were held out, and the time of both by turns."""
    seen = gathered(held_out, before.preprocess, len(held_out))
    programs = [as_program(model.network, Card(model=card_of(model, {})), CPU) for model in (before, after)]
    images = seen.normalised[0]
    times = timed_together(programs[0], programs[1], images, images)
    sizes = [size_of(model, seen, time) for model, time in zip((before, after), times, strict=True)]
    return Slimmed(
        before=sizes[0],
        after=sizes[1],
        untrained=accuracy(untrained.network, seen),
        removed=removed,
        pictures=len(held_out),
        epochs=epochs,
    )


def size_of(model: Model, seen: HeldOut, milliseconds: float) -> Size:
    """Return what a model costs and does."""
    spec = model.network.spec
    assert isinstance(spec, ResNetSpec)
    return Size(
        blocks=sum(spec.depths),
        parameters=parameters(model.network),
        macs=card_of(model, {}).macs,
        milliseconds=milliseconds,
        accuracy=accuracy(model.network, seen),
    )


@torch.inference_mode()
def accuracy(network: nn.Module, seen: HeldOut) -> float:
    """Return the share of pictures that a network gets right."""
    guesses = torch.cat([network.eval()(images).argmax(1) for images in seen.normalised])
    return (guesses == seen.labels).float().mean().item()
