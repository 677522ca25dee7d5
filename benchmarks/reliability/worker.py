"""Kill one of the processes that torchrun has started, again and again, and compare the end with an unbroken one.

    scripts/faults worker [--processes 2] [--kills 20] [--epochs 50] [--seed 0]

torchrun ends the other processes, starts all of them anew, and they go on from the last checkpoint. They save every
second (`benchmarks/often.py`). Half of the kills come at a random moment, half while the first process writes a file.
Exit code 1 when one tensor differs in one bit.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.launching import differing, heed_stops, kill, resumes, saved, say, steps, wait_until, workers

LONGEST: Final = 4.0
"""Seconds from the first step after a start to its kill, at most: some checkpoints."""


@contextmanager
def started(run: Path, asked: argparse.Namespace) -> Iterator[subprocess.Popen[bytes]]:
    """Start the training under torchrun; what still runs at the end of the block is stopped."""
    options = ["--nproc-per-node", str(asked.processes), "--max-restarts", str(asked.kills)]
    words = [
        "train",
        "digits",
        "--epochs",
        str(asked.epochs),
        "--batch-size",
        "256",
        "--seed",
        "7",
        "--run",
        str(run),
    ]
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        *options,
        "-m",
        "--",
        "benchmarks.often",
    ]
    launcher = subprocess.Popen(
        [*command, *words, "--device", "cpu", "--no-exam"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        yield launcher
    finally:
        launcher.terminate()  # it stops its processes; one that has ended is not meant
        launcher.wait()


def refuse_failed(code: int) -> None:
    """Raise for a torchrun that gave up.

    Raises:
        SystemExit: with its code.
    """
    if code:
        raise SystemExit(f"torchrun ended with {code}")


def writing(run: Path) -> bool:
    """Return whether a file of the run is half written just now."""
    return any(run.rglob(".*.part"))


def train_through_kills(run: Path, asked: argparse.Namespace) -> Counter[str]:
    """Train, and kill as often as asked; return how often which process was killed when."""
    chance = random.Random(asked.seed)
    killed: Counter[str] = Counter()
    with started(run, asked) as launcher:
        while killed.total() < asked.kills and (what := kill_one(run, launcher, chance, asked.processes)):
            killed[what] += 1
            say(f"kill {killed.total()}: {what}; the newest checkpoint is of step {saved(run)}")
        refuse_failed(launcher.wait())
    return killed


def kill_one(
    run: Path, launcher: subprocess.Popen[bytes], chance: random.Random, processes: int
) -> str | None:
    """Kill a process while all of them train; return which and when, or None if the training came to its end first."""

    def unless_ended(condition: Callable[[], bool], what: str) -> None:
        wait_until(lambda: launcher.poll() is not None or condition(), what)

    unless_ended(lambda: steps(run) > 0 and len(workers(launcher.pid)) == processes, "the first step")
    time.sleep(chance.uniform(0, LONGEST))
    if chance.random() < 0.5:
        unless_ended(lambda: writing(run), "a file half written")
    if launcher.poll() is not None:
        return None
    before = len(resumes(run))
    rank, moment = (
        chance.randrange(processes),
        "while a file was written" if writing(run) else "between two files",
    )
    if rank not in workers(launcher.pid):  # they came to their end while this was said
        return None
    kill(launcher.pid, rank)
    unless_ended(lambda: len(resumes(run)) > before, "the next start")
    return f"process {rank} {moment}"


def main() -> None:
    """Run the comparison and say from where it went on each time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    heed_stops()
    with tempfile.TemporaryDirectory() as folder:
        unbroken, run = Path(folder) / "unbroken", Path(folder) / "broken"
        say("a training of which no process is killed")
        with started(unbroken, asked) as launcher:
            refuse_failed(launcher.wait())
        say("the same again, to be killed")
        killed = train_through_kills(run, asked)
        resumed = resumes(run)
        different = differing(run, unbroken)
    parts = ", ".join(f"{count} of {what}" for what, count in sorted(killed.items()))
    say(
        f"{killed.total()} kills ({parts}), {len(resumed)} resumes; tensors that differ from the unbroken run: "
        f"{len(different)}"
    )
    raise SystemExit(1 if different or not killed else 0)


if __name__ == "__main__":
    main()
