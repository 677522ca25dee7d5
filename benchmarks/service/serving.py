"""A service in a process of its own, on a network with random weights: what it says does not matter here."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from residua.data import Preprocess
from residua.export.bundle import Card
from residua.export.onnx_program import write_onnx
from residua.nets.build import build
from residua.runs import Model
from residua.runs.model import card_of


def write_network(path: Path, name: str, size: int) -> Path:
    """Write a network that was never trained as ONNX, with all that serving it takes."""
    torch.manual_seed(0)
    network = build(name, classes=10).eval()
    preprocess = Preprocess(
        size=size,
        resize=size,
        channels=3,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        read_side=2 * size,
    )
    classes = tuple(f"class {place}" for place in range(10))
    model = Model(name=name, network=network, classes=classes, preprocess=preprocess)
    card = Card(model=card_of(model, {}))
    write_onnx(path, network, torch.zeros(2, 3, size, size), card, free=(0,))
    return path


@contextmanager
def served(target: Path, *options: str) -> Iterator[tuple[int, int]]:
    """Give the process and the port of a service, and end it."""
    command = [sys.executable, "-m", "residua", "serve", str(target), "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            print(line.rstrip())
            if line.startswith("serving at"):
                break
        yield process.pid, int(line.rpartition(":")[2])
        if process.poll() is not None:
            raise SystemExit(f"the service has ended with {process.returncode}")
    finally:
        process.terminate()
        process.wait(30)


def resident(process: int) -> float:
    """Return the megabytes of memory that a process holds."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"process {process} is gone")
