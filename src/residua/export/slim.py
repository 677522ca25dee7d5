"""A trained residual network without the blocks that matter least.

A residual network behaves like an ensemble of its shallow paths: most blocks can be taken out of a trained one at a
small cost (Veit et al. 2016, arXiv:1605.06431). Here the cheapest ones are, for good, and a short training makes up for
them.
"""

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

import msgspec
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from residua.data import Split
from residua.data.masks import MaskSplit
from residua.errors import BadInput
from residua.export.bundle import Card
from residua.export.pictures import HeldOut, gathered, own_split
from residua.export.torch_program import as_program
from residua.export.verify import timed_together
from residua.look import delete_each
from residua.nets.build import build
from residua.nets.cost import parameters
from residua.nets.network import Network
from residua.nets.spec import ResNetSpec
from residua.parts import joins
from residua.runs import Model, Run, load_model, open_run, read_json, write_json
from residua.runs.model import card_of
from residua.training import Recipe, Settings, train
from residua.training.plan import Tell
from residua.training.record import Config

LOOKED_AT: Final = 512
"""Training pictures on which the cost of a block is measured."""
RATE: Final = 0.1
"""Share of the run's learning rate: the network is near where it was."""
EPOCHS: Final = 0.2
"""Share of the run's epochs."""
RECORD: Final = "slim.json"
BLOCK: Final = re.compile(r"stage(\d+)\.(\d+)\.(.*)")
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


@final
@dataclass(frozen=True, slots=True)
class Pruned:
    """A network without some blocks, and which."""

    network: Network
    removed: tuple[tuple[str, float], ...]


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
    model, recipe = load_model(opened.folder), read_json(opened.config, Config).config
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
        done, _ = train(data or recipe.data, settings, run=name, exam=False, tell=tell)
    held_out = own_split(opened, data, None)
    assert settings.epochs is not None
    found = compared(model, smaller, load_model(done.folder), held_out, pruned.removed, settings.epochs)
    write_json(done.folder / RECORD, found)
    return done, found


def blocks_to_remove(network: Network, keep: float) -> int:
    """Return how many blocks go.

    Raises:
        BadInput: the network is no residual one, the share is none, or too few blocks can go.
    """
    spec = network.spec
    if not isinstance(spec, ResNetSpec) or spec.join == "none":
        raise BadInput("only blocks of a residual network can be taken out; this one has none")
    if not 0 < keep < 1:
        raise BadInput(f"--keep {keep:g}: it is the share of the blocks that stay, above 0 and below 1")
    count, can = round((1 - keep) * sum(spec.depths)), len(removable(network))
    most = sum(spec.depths) - can
    if not 0 < count <= can:
        raise BadInput(
            f"--keep {keep:g} of {sum(spec.depths)} blocks takes {count} out; {can} can go, because {most} change the "
            "shape of what they carry or are the last of their stage"
        )
    return count


def removable(network: Network) -> list[str]:
    """Return the names of the joins that carry their input as it is, but for one in a stage that has no other block.

    >>> removable(build("resnet14_cifar"))
    ['stage1.0.sum', 'stage2.1.sum', 'stage3.1.sum']
    """
    found = [name for name, join in joins(network) if isinstance(join.shortcut, nn.Identity)]
    assert isinstance(network.spec, ResNetSpec)
    kept: list[str] = []
    for stage, depth in enumerate(network.spec.depths, start=1):
        of_stage = [name for name in found if name.startswith(f"stage{stage}.")]
        kept += of_stage[: depth - 1]
    return kept


def without_the_cheapest(network: Network, seen: HeldOut, count: int, tell: Tell) -> Pruned:
    """Take out so many blocks, each time the one whose silence costs the least."""
    gone: list[tuple[str, float]] = []
    whole = loss_on(seen)(network)
    for number in range(count):
        tell("looking for the block that matters least", number, count)
        names = tuple(name for name, _ in gone)
        left = [
            name
            for name in removable(network)
            if name not in names and not last_of_stage(network, name, names)
        ]
        rows = delete_each(network, loss_on(seen), blocks=[(*names, name) for name in left])
        cheapest = min(rows, key=lambda row: row.score)
        gone.append((cheapest.blocks[-1], cheapest.score - whole))
        whole = cheapest.score
    return Pruned(rebuilt(network, [name for name, _ in gone]), tuple(gone))


def last_of_stage(network: Network, name: str, gone: Sequence[str]) -> bool:
    """Return whether the stage of a block would be empty without it."""
    assert isinstance(network.spec, ResNetSpec)
    stage = name.split(".")[0]
    taken = sum(other.startswith(f"{stage}.") for other in gone)
    return taken + 1 >= network.spec.depths[int(stage.removeprefix("stage")) - 1]


def loss_on(seen: HeldOut) -> Callable[[nn.Module], float]:
    """Return what scores a network by its cross-entropy on some pictures."""

    @torch.inference_mode()
    def loss(model: nn.Module) -> float:
        logits = torch.cat([model.eval()(images) for images in seen.normalised])
        return F.cross_entropy(logits, seen.labels).item()

    return loss


def rebuilt(network: Network, gone: Sequence[str]) -> Network:
    """Return the network without some blocks, its weights under the names of a network that never had them.

    >>> network = rebuilt(build("resnet14_cifar"), ["stage2.1.sum"])
    >>> network.spec.depths
    (2, 1, 2)
    """
    spec = network.spec
    assert isinstance(spec, ResNetSpec)
    taken = {(int(stage), int(block)) for stage, block, _ in (parts(f"{name}.") for name in gone)}
    depths = tuple(
        depth - sum(of == stage for of, _ in taken) for stage, depth in enumerate(spec.depths, start=1)
    )
    state: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if (found := BLOCK.fullmatch(name)) is None:
            state[name] = tensor
            continue
        stage, block = int(found[1]), int(found[2])
        if (stage, block) not in taken:
            place = block - sum(of == stage and other < block for of, other in taken)
            state[f"stage{stage}.{place}.{found[3]}"] = tensor
    smaller = build(msgspec.structs.replace(spec, depths=depths))
    smaller.load_state_dict(state)
    return smaller.eval()


def parts(name: str) -> tuple[str, str, str]:
    """Return stage, block and the rest of the name of something in a block."""
    found = BLOCK.fullmatch(name)
    assert found is not None
    return found[1], found[2], found[3]


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
