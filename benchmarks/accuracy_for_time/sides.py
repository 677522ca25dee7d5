"""One training of one side, in a process of its own, so that none finds the caches of another.

    python -m benchmarks.accuracy_for_time.sides CIFAR10 SIDE EPOCHS SEED

Its last line is the row, as JSON: the seconds of the wall and of the processors, and the accuracy on the test pictures.
"""

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, final

import torch

from benchmarks.accuracy_for_time.airbench import AirbenchTraining
from benchmarks.accuracy_for_time.pictures import accuracy, read_pictures
from benchmarks.accuracy_for_time.resnet20 import ResNet20Training
from benchmarks.accuracy_for_time.training import Spent, Training
from residua.data import Preprocess
from residua.runs import EpochRow, Row, StepRow, load_model
from residua.training import Settings, train
from residua.training.processor import keep_memory
from residua.training.record import read_config


@final
class Clock:
    """What the steps of a training of ours take, read off the rows that it shows.

    Before the row of an epoch come those of its steps, each shown as soon as its step is done, and then the look at the
    validation pictures; so the last row of a step closes the time of its epoch.
    """

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0
        self.began = self.stepped = 0.0

    def start(self, *_: object) -> None:
        """Begin an epoch."""
        self.began = time.process_time()

    def show(self, row: Row) -> None:
        """Take note of a row."""
        match row:
            case StepRow():
                self.stepped = time.process_time()
            case EpochRow():
                self.seconds += row.seconds
                self.cpu += self.stepped - self.began
                self.start()


def residua(cifar: Path, epochs: int, seed: int) -> dict[str, Any]:
    """Train as `residua train CIFAR10 --recipe fast --epochs N --seed S` does, and return what it took and gave."""
    clock = Clock()
    settings = Settings(recipe="fast", epochs=epochs, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        run, _ = train(
            cifar, settings, run=f"{folder}/run", exam=False, announce=clock.start, show=clock.show
        )
        dtype = "bfloat16" if read_config(run).config.amp else "float32"
        model = load_model(run.folder)
    assert isinstance(model.preprocess, Preprocess)
    pictures, labels = read_pictures(cifar / "test")
    images = model.preprocess.normalise(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    spent = Spent(seconds=clock.seconds, cpu=clock.cpu, dtype=dtype)
    return asdict(spent) | asdict(accuracy(model.network, images, labels))


def peer(cifar: Path, training: Training) -> dict[str, Any]:
    """Train a peer, and return what it took and gave."""
    spent = training.run()
    pictures, labels = read_pictures(cifar / "test")
    return asdict(spent) | asdict(accuracy(training.model, training.normalise(pictures), labels))


def trained(side: str, cifar: Path, epochs: int, seed: int) -> dict[str, Any]:
    """Return what one training of a side took and gave."""
    keep_memory()
    if side == "residua":
        return residua(cifar, epochs, seed)
    pictures, labels = read_pictures(cifar / "train")
    if side == "resnet20":
        return peer(cifar, ResNet20Training(pictures, labels, epochs=epochs, seed=seed))
    width = side.removeprefix("airbench_")
    return peer(cifar, AirbenchTraining(pictures, labels, epochs=epochs, seed=seed, width=width))


if __name__ == "__main__":
    folder, side, epochs, seed = sys.argv[1:]
    found = trained(side, Path(folder), int(epochs), int(seed))
    print(json.dumps({"threads": torch.get_num_threads(), "torch": torch.__version__} | found))
