"""Processes that torchrun has started, as the faults find, kill and compare them."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file


def metrics(run: Path) -> str:
    """Return the rows of a run as text, if there are any yet."""
    path = run / "metrics.jsonl"
    return path.read_text() if path.exists() else ""


def steps(run: Path) -> int:
    """Return how many rows of steps and epochs a run has written since it was begun or resumed."""
    return metrics(run).rpartition("resumed from")[2].count('"step":')


def workers(launcher: int) -> dict[int, int]:
    """Return the process of each rank that a launcher has started, by what the system says of its processes."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "environ").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):  # it has ended since
            continue
        ranks = [word.removeprefix(b"RANK=") for word in words if word.startswith(b"RANK=")]
        if parent == launcher and ranks:
            found[int(ranks[0])] = int(folder.name)
    return found


def kill(launcher: int, rank: int) -> None:
    """Kill one of the processes without a warning."""
    os.kill(workers(launcher)[rank], signal.SIGKILL)


def wait_until(condition: Callable[[], bool], *, seconds: float = 600) -> None:
    """Wait for something that other processes do.

    Raises:
        SystemExit: it did not come.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise SystemExit(f"waited {seconds:.0f} seconds in vain")
        time.sleep(0.05)


def differing(run: Path, unbroken: Path) -> list[str]:
    """Return the names of the tensors that differ in a bit, over the model and the last checkpoint."""
    last = max((unbroken / "checkpoints").glob("step-*.safetensors")).name
    found = []
    for name in ("model.safetensors", f"checkpoints/{last}"):
        ours, theirs = load_file(run / name), load_file(unbroken / name)
        found += sorted(ours.keys() ^ theirs.keys())
        found += [key for key in ours.keys() & theirs.keys() if not torch.equal(ours[key], theirs[key])]
    return found
