"""What the exam is asked about: a network by its name, its file or its run, and a batch to look at it with."""

import importlib.util
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.data import Preprocess, is_mask_data
from residua.errors import BadInput
from residua.files import reason
from residua.look import Examples, Loss, on_heads
from residua.nets.build import build
from residua.nets.presets import PRESETS
from residua.nets.spec import Segmenting
from residua.objective import pixel_cross_entropy
from residua.runs import Model, load_model, open_run
from residua.training.network import spec_of
from residua.training.processor import open_device
from residua.training.recipe import Settings
from residua.training.record import Record, read_config, read_record, whereabouts
from residua.training.tasks import open_task, reopen_task

INVENTED = 256
"""Samples of noise; a probe shows each of its first steps others, so that none is learned by heart."""
CLASSES = 10


@final
@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A model to examine.

    Attributes:
        name: of the model, as the user gave it.
        model: in training mode.
        batch: inputs and targets.
        words: what the batch is, for the reader.
        loss: that suits the targets.
        steps: of the training that a run was made by; None where there is no run.
    """

    name: str
    model: nn.Module
    batch: Examples
    words: str
    loss: Loss
    steps: int | None = None


def open_subject(
    target: str,
    *,
    data: str | None = None,
    shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    device: str | None = None,
) -> Subject:
    """Return the model that a target names, with a batch of some data or, without data, of noise.

    Args:
        target: a preset, a spec in a JSON file, the folder of a run, or "file.py:function" for a function that
            returns a module.
        data: what to look at it with, as for `train`; a run's own data if it is not given.
        shape: channels, height and width of the noise.
        classes: answers that the network gives.
        device: to compute on.

    Raises:
        UnknownName: no preset has such a name.
        BadInput: the file or its function cannot be used, or it needs a shape.
        BadData: the data cannot be used.
    """
    place, steps = open_device(device or "cpu"), None
    if ".py:" in target:
        model = own_model(target)
        batch, words = pictures(data, shape, model) if data else noise(shape, classes or CLASSES, target)
    elif (Path(target) / "config.json").exists():
        run = open_run(target)
        found, record = load_model(run.folder), read_record(run)
        model = found.network
        batch, words = of_run(record, found, data)
        steps = read_config(run).config.steps(int(record.splits["train"]["samples"]))
    else:
        batch, words, model = preset(target, data=data, shape=shape, classes=classes)
    model = model.to(place).train()
    # Masks have void pixels; a user's model may have heads beside the one that answers.
    loss = on_heads(pixel_cross_entropy if batch[1].ndim > 1 else F.cross_entropy)
    return Subject(target, model, (batch[0].to(place), batch[1].to(place)), words, loss, steps)


def of_run(record: Record, trained: Model, data: str | None) -> tuple[Examples, str]:
    """Return a batch for the network of a run: of its own data, or of others as it would see them."""
    named = data or whereabouts(record)
    if isinstance(trained.preprocess, Preprocess):
        size = trained.preprocess.size
        return pictures(named, (trained.preprocess.channels, size, size), trained.network)
    seen = Settings(crop=max(trained.preprocess.crop), scale=trained.preprocess.scale)
    task = reopen_task(named, record) if data is None else open_task(data, seen)
    inputs, targets = task.examples()
    return (inputs, targets), f"{len(targets)} training pictures of {named}"


def preset(
    name: str, *, data: str | None, shape: tuple[int, int, int] | None, classes: int | None
) -> tuple[Examples, str, nn.Module]:
    """Return the batch and the network of a preset or a spec, fitted to the batch."""
    spec = spec_of(name)
    if data:
        batch, words, count = labelled(data, None if shape is None else shape[1])
    else:
        side = PRESETS[name].image_size if name in PRESETS else 32
        shape = shape or (spec.in_channels, side, side)
        count = classes or (spec.classes if isinstance(spec, Segmenting) else CLASSES)
        batch, words = noise(shape, count, name, masks=isinstance(spec, Segmenting))
    inputs = batch[0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build(spec, classes=count, in_channels=inputs.shape[1], image_size=inputs.shape[-1])
    return batch, words, model


def pictures(data: str, shape: tuple[int, int, int] | None, model: nn.Module) -> tuple[Examples, str]:
    """Return a batch of some data for a model that is already built."""
    batch, words, _ = labelled(data, None if shape is None else shape[1])
    channels = next((p.shape[1] for p in model.parameters() if p.ndim == 4), batch[0].shape[1])
    if channels == 3 and batch[0].shape[1] == 1:
        batch = batch[0].expand(-1, 3, -1, -1).contiguous(), batch[1]
    return batch, words


def labelled(data: str, size: int | None) -> tuple[Examples, str, int]:
    """Return the first batch of the training pictures of some data, what it is, and how many classes there are."""
    sized = Settings(crop=size) if is_mask_data(data) else Settings(image_size=size)
    task = open_task(data, sized)
    inputs, targets = task.examples()
    return (inputs, targets), f"{len(targets)} training pictures of {data}", len(task.source.classes)


def noise(
    shape: tuple[int, int, int] | None, classes: int, name: str, *, masks: bool = False
) -> tuple[Examples, str]:
    """Return noise with the statistics of images, and labels or masks of how bright the images or their pixels are.

    Its power falls with the square of the frequency, as that of natural images does (Field 1987), so that
    neighbouring pixels are alike; mean 0 and deviation 1. Labels by lot could only be learned by heart, which also
    networks do that learn nothing else.

    Raises:
        BadInput: nobody has said what shape the inputs have.
    """
    if shape is None:
        raise BadInput(
            f"what does {name} take? Give it pictures with --data, or a shape for noise, such as --input 3x224x224"
        )
    generator = torch.Generator().manual_seed(0)
    count = INVENTED if max(shape[1:]) <= 64 else INVENTED // 4
    inputs = coloured(count, shape, generator)
    targets = brightness(inputs if masks else inputs.mean((2, 3), keepdim=True), classes)
    words = f"noise with the statistics of images, {count} samples of {' × '.join(map(str, shape))}"
    return (inputs, targets if masks else targets.flatten()), words


def brightness(inputs: Tensor, classes: int) -> Tensor:
    """Return masks of how bright each pixel is, in so many classes of equal size.

    >>> brightness(torch.tensor([[[[0.0, 5.0], [6.0, -1.0]]]]), 2)
    tensor([[[0, 1],
             [1, 0]]])
    """
    values = inputs.mean(1)
    ordered = values.flatten().sort().values
    bounds = ordered[[len(ordered) * place // classes for place in range(1, classes)]]
    return torch.bucketize(values, bounds, right=True)


def coloured(count: int, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Return noise whose amplitude falls with the frequency."""
    down, right = torch.fft.fftfreq(shape[1]), torch.fft.rfftfreq(shape[2])
    frequency = torch.hypot(down[:, None], right[None, :]).clamp_min(1 / max(shape[1:]))
    white = torch.randn(count, *shape, generator=generator)
    inputs = torch.fft.irfft2(torch.fft.rfft2(white) / frequency, s=shape[1:])
    centred: Tensor = inputs - inputs.mean()
    return centred.div_(centred.std())


def own_model(target: str) -> nn.Module:
    """Return what a function in a user's file gives.

    Raises:
        BadInput: there is no such file or function, or it gives no module.
    """
    name, _, function = target.rpartition(":")
    path = Path(name)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise BadInput(
            f"there is no file {path}; give the path of a Python file, as in my_code.py:make_model"
        )
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    before = sys.modules.get(spec.name)
    sys.modules[spec.name] = module  # dataclasses look for the module that they are in
    try:
        spec.loader.exec_module(module)
        made = called_alone(module, function, path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {reason(error)}") from error
    finally:
        sys.path.pop(0)
        if before is not None:
            sys.modules[spec.name] = before
    if not isinstance(made, nn.Module):
        raise BadInput(f"{function} of {path} gives a {type(made).__name__}; it must give a torch.nn.Module")
    return made


def called_alone(module: ModuleType, function: str, path: Path) -> object:
    """Return what a function of a module gives without arguments.

    Raises:
        BadInput: there is none of that name, or it needs some.
    """
    make = getattr(module, function, None)
    if not callable(make):
        raise BadInput(f"{path} has no function '{function}'; give the name of one that gives a model")
    try:
        inspect.signature(make).bind()
    except TypeError as error:
        raise BadInput(f"{function} of {path} cannot be called without arguments: {error}") from error
    except ValueError:  # of a few built in there is no signature
        pass
    made: object = make()
    return made
