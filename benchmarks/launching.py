"""Processes of the command line and of torchrun, as the faults start, find, kill and compare them."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file

BEGAN: Final = time.monotonic()


def say(sentence: str) -> None:
    """Print what is being done, after the seconds since the start."""
    print(f"{time.monotonic() - BEGAN:5.0f} s  {sentence}", flush=True)


def heed_stops() -> None:
    """End as by an error when asked to stop, so that processes, hosts and folders are taken away first."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))


BEGIN = "from residua.cli.app import main; main()"
NO_ROOM = """
import residua.training.tasks.classification as task
task.memory_limit = lambda processes: 0
"""
"""Said before `BEGIN`: pictures are read from their files in every epoch, as if they were too many for the memory."""


def start(*words: str, before: str = "") -> subprocess.Popen[str]:
    """Start the command line as a process of its own, after some lines of Python."""
    command = [sys.executable, "-c", before + BEGIN, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a process; return its exit code and the last line that it said.

    Raises:
        SystemExit: it ended with a traceback.
    """
    out, errors = process.communicate()
    if "Traceback" in errors:
        raise SystemExit(f"a traceback:\n{errors}")
    return process.returncode, (errors or out).strip().splitlines()[-1]


def residua(*words: str, before: str = "") -> tuple[int, str]:
    """Run the command line; return its exit code and the last line that it said."""
    return ended(start(*words, before=before))


def metrics(run: Path) -> str:
    """Return the rows of a run as text, if there are any yet."""
    path = run / "metrics.jsonl"
    return path.read_text() if path.exists() else ""


def steps(run: Path) -> int:
    """Return how many rows of steps and epochs a run has written since it was begun or resumed."""
    return metrics(run).rpartition("resumed from")[2].count('"step":')


def resumes(run: Path) -> list[int]:
    """Return the steps that a run has gone on from, in their order."""
    return [int(step) for step in re.findall(r"resumed from step (\d+)", metrics(run))]


def saved(run: Path) -> int:
    """Return the step of the newest checkpoint; 0 if none is of a later one."""
    return max((int(path.stem[5:]) for path in (run / "checkpoints").glob("step-*.safetensors")), default=0)


def workers(launcher: int) -> dict[int, int]:
    """Return the process of each rank that a launcher has started, by what the system says of its processes."""
    return {int(words["RANK"]): process for process, words in children(launcher) if "RANK" in words}


def together(launcher: int) -> int:
    """Return how many processes train together with those of a launcher; 0 while it has none."""
    return max((int(words.get("WORLD_SIZE", 0)) for _, words in children(launcher)), default=0)


def children(launcher: int) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the processes that a launcher has started, each with the words of its environment."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "environ").read_text(errors="replace").split("\0")
        except (OSError, ValueError, IndexError):  # it has ended since
            continue
        if parent == launcher:
            yield int(folder.name), dict(word.split("=", 1) for word in words if "=" in word)


def kill(launcher: int, rank: int) -> None:
    """Kill one of the processes without a warning."""
    os.kill(workers(launcher)[rank], signal.SIGKILL)


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 600) -> None:
    """Wait for something that other processes do.

    Raises:
        SystemExit: it did not come.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise SystemExit(f"{what} did not come within {seconds:.0f} seconds")
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
