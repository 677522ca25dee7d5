"""Cut the network between two hosts that train together, restore it, and compare the end with an unbroken run.

    scripts/faults link [--seconds 25] [--timeout 10] [--epochs 12] [--seed 0]

The hosts are two network namespaces of this machine, joined by a virtual cable; each has a torchrun of its own with
one process. They save every second (`benchmarks/often.py`); some moments after a checkpoint the cable is pulled out.
Processes that wait longer than the timeout give up, both torchruns start theirs anew, and they go on from the last
checkpoint as soon as they reach each other. Needs Linux and root. Exit code 1 when one tensor differs in one bit, or
when the cut was not noticed.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.hosts import cable, training, two_hosts
from benchmarks.launching import differing, heed_stops, resumes, saved, say

LONGEST: Final = 3.0
"""Seconds from the first checkpoint to the cut, at most: some steps are lost, and the training does not end first."""


def words(asked: argparse.Namespace) -> list[str]:
    """Return what is trained: small, and with few exchanges an epoch, which are what takes the time."""
    return [
        *("digits", "--epochs", str(asked.epochs), "--batch-size", "256", "--seed", "7", "--no-exam"),
        *("--timeout", str(asked.timeout)),
    ]


def train_through_a_cut(run: Path, asked: argparse.Namespace) -> int:
    """Train, cut the cable, and put it back; return how often a torchrun had to be started again."""
    with training(run, words(asked)) as cluster:
        cluster.wait_until("the first checkpoint", lambda: saved(run) > 0 or cluster.ended())
        time.sleep(random.Random(asked.seed).uniform(0, LONGEST))
        if cluster.ended():
            raise SystemExit("the training ended before the cut; try --epochs with a larger number")
        say(f"a checkpoint of step {saved(run)}; the cable is pulled out")
        cable("down")
        time.sleep(asked.seconds)
        cable("up")
        say(f"after {asked.seconds} seconds the cable is back")
        cluster.wait_until("the run that goes on", lambda: bool(resumes(run)) or cluster.ended())
        say(f"gone on: {', '.join(f'from step {step}' for step in resumes(run)) or 'never stopped'}")
        cluster.wait()
        return cluster.again


def main() -> None:
    """Run the comparison and say from where the broken run went on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=25)
    parser.add_argument("--timeout", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    heed_stops()
    with tempfile.TemporaryDirectory() as folder, two_hosts():
        unbroken, run = Path(folder) / "unbroken", Path(folder) / "broken"
        say("two hosts, one training, nothing cut")
        with training(unbroken, words(asked)) as cluster:
            cluster.wait()
        say("the same again, to be cut")
        again = train_through_a_cut(run, asked)
        resumed = resumes(run)
        different = differing(run, unbroken)
    say(
        f"cut for {asked.seconds} seconds, resumed {len(resumed)} times, a torchrun started again {again} times; "
        f"tensors that differ from the unbroken run: {len(different)}"
    )
    raise SystemExit(1 if different or not resumed else 0)


if __name__ == "__main__":
    main()
