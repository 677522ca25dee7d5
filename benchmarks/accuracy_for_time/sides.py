"""One training of one side, in a process of its own, so that none finds the caches of another.

python -m benchmarks.accuracy_for_time.sides CIFAR10 SIDE EPOCHS SEED
"""

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.accuracy_for_time.airbench import AirbenchTraining
from benchmarks.accuracy_for_time.pictures import accuracy, read_pictures
from benchmarks.accuracy_for_time.resnet20 import ResNet20Training
from benchmarks.accuracy_for_time.training import Spent, Training
from residua.data import Preprocess
from residua.runs import EpochRow, Row, load_model
from residua.training import Settings, train
from residua.training.processor import keep_memory


def residua(cifar: Path, epochs: float, seed: int) -> dict[str, Any]:
    """Train as `residua train CIFAR10 --recipe fast --epochs N --seed S` does, and return what it took and gave."""
    seconds = cpu = 0.0
    began = 0.0

    def start(*_: object) -> None:
        nonlocal began
        began = time.process_time()

    def show(row: Row) -> None:
        # What comes before an epoch's row is its steps, and then the look at validation pictures; a row of a step is
        # shown as soon as its step is done, so the last of them closes the epoch's time.
        nonlocal seconds, cpu, began, last
        if isinstance(row, EpochRow):
            seconds += row.seconds
            cpu += last - began
            began = time.process_time()
        else:
            last = time.process_time()

    last = 0.0
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(recipe="fast", epochs=int(epochs), seed=seed)
        run, _ = train(cifar, settings, run=f"{folder}/run", exam=False, announce=start, show=show)
        model = load_model(run.folder)
    assert isinstance(model.preprocess, Preprocess)
    pictures, labels = read_pictures(cifar / "test")
    images = model.preprocess.normalise(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    spent = Spent(seconds=seconds, cpu=cpu, dtype="as chosen")
    return asdict(spent) | asdict(accuracy(model.network, images, labels))


def peer(cifar: Path, training: Training) -> dict[str, Any]:
    """Train a peer, and return what it took and gave."""
    spent = training.run()
    pictures, labels = read_pictures(cifar / "test")
    return asdict(spent) | asdict(accuracy(training.model, training.normalise(pictures), labels))


def trained(side: str, cifar: Path, epochs: float, seed: int) -> dict[str, Any]:
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
    found = trained(side, Path(folder), float(epochs), int(seed))
    print(json.dumps({"threads": torch.get_num_threads(), "torch": torch.__version__} | found))
