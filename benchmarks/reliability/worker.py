"""Kill one of the processes that torchrun has started, again and again, and compare the end with an unbroken run.

    scripts/faults worker [--processes 2] [--kills 3] [--epochs 20] [--seed 0]

torchrun ends the other processes, starts all of them anew, and they go on from the last checkpoint. Exit code 1 when
one tensor differs in one bit.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.launching import differing, kill, metrics, steps, wait_until, workers

LONGEST = 12.0
"""Seconds from the first step after a start to its kill, at most: long enough for some checkpoints."""


def begin(run: Path, asked: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Start the training under torchrun."""
    launcher = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", str(asked.processes), "--max-restarts", str(asked.kills)),
    ]
    words = ["train", "digits", "--epochs", str(asked.epochs), "--seed", "7", "--run", str(run)]
    return subprocess.Popen(
        [*launcher, "-m", "--", "residua", *words, "--device", "cpu"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def broken(run: Path, asked: argparse.Namespace) -> int:
    """Train, kill as often as asked; return how often it really was in the middle of the training."""
    chance = random.Random(asked.seed)
    started = begin(run, asked)
    killed = 0
    for _ in range(asked.kills):
        before = metrics(run).count("resumed from")
        wait_until(lambda: started.poll() is not None or (steps(run) > 0 and len(workers(started.pid)) > 1))
        time.sleep(chance.uniform(0, LONGEST))
        if started.poll() is not None:
            break
        rank = chance.randrange(asked.processes)
        kill(started.pid, rank)
        killed += 1
        print(f"kill {killed}: process {rank}", flush=True)
        wait_until(
            lambda before=before: started.poll() is not None or metrics(run).count("resumed from") > before
        )
    if started.wait():
        raise SystemExit(f"torchrun ended with {started.returncode}")
    return killed


def main() -> None:
    """Run the comparison and say from where it went on each time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        unbroken, run = Path(folder) / "unbroken", Path(folder) / "broken"
        begin(unbroken, asked).wait()
        killed = broken(run, asked)
        resumed = metrics(run).count("resumed from")
        different = differing(run, unbroken)
    print(
        f"{killed} kills among {asked.processes} processes, {resumed} resumes; tensors that differ from the "
        f"unbroken run: {len(different)}"
    )
    raise SystemExit(1 if different or not killed else 0)


if __name__ == "__main__":
    main()
