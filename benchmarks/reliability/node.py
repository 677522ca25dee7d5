"""Take one of two hosts out of a training that goes on with one, and let it join again.

    scripts/faults node [--epochs 40]

The hosts are those of `scripts/faults link`; torchrun is told `--nnodes 1:2`. Once there is a checkpoint, all
processes of the second host are killed without a warning. The first goes on alone from the last checkpoint, then the
second comes back, and both go on. Sums over two processes and over one are rounded otherwise, so the end is compared
by its score, to that of one process that was never stopped. Needs Linux and root. Exit code 1 when a step is missing
at the end, or when the test accuracies are 3 points apart.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.hosts import Cluster, training, two_hosts
from benchmarks.launching import heed_stops, resumes, saved, say

SECOND: Final = 1
LAST_CALL: Final = 5
"""Seconds that torchrun waits for the second host, at the start and when it is gone."""
NEAR: Final = 0.03


def words(epochs: int) -> list[str]:
    """Return what is trained: small, and with few exchanges an epoch, which are what takes the time."""
    return [
        "digits",
        "--epochs",
        str(epochs),
        "--batch-size",
        "256",
        "--seed",
        "7",
        "--no-exam",
        "--timeout",
        "10",
    ]


def train_with_a_guest(run: Path, epochs: int) -> None:
    """Train while the second host leaves and comes back.

    Raises:
        SystemExit: the training ended before it could.
    """
    with training(run, words(epochs), nodes="1:2", last_call=LAST_CALL) as cluster:
        reach(cluster, "a checkpoint of both", lambda: cluster.size() == 2 and saved(run) > 0)
        say(f"2 processes have saved step {saved(run)}; the second host is killed")
        before = len(resumes(run))
        cluster.leave(SECOND)
        reach(cluster, "the first host alone", lambda: cluster.size() == 1 and len(resumes(run)) > before)
        say(f"1 process goes on from step {resumes(run)[-1]}; the second host is started again")
        before = len(resumes(run))
        cluster.join(SECOND)
        reach(cluster, "both hosts again", lambda: cluster.size() == 2 and len(resumes(run)) > before)
        say(f"2 processes go on from step {resumes(run)[-1]}")
        cluster.wait()


def reach(cluster: Cluster, what: str, condition: Callable[[], bool]) -> None:
    """Wait for a part of the training.

    Raises:
        SystemExit: it ended first.
    """
    cluster.wait_until(what, lambda: condition() or cluster.ended())
    if cluster.ended():
        raise SystemExit(f"the training ended before this: {what}; try --epochs with a larger number")


def accuracy(run: Path) -> float:
    """Return the share of the test pictures that a run got right."""
    scores: dict[str, Any] = msgspec.json.decode((run / "evaluation" / "test.json").read_bytes())
    return float(scores["top1"])


def main() -> None:
    """Run the comparison and say what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    asked = parser.parse_args()
    heed_stops()
    with tempfile.TemporaryDirectory() as folder, two_hosts():
        unbroken, run = Path(folder) / "unbroken", Path(folder) / "broken"
        say("one process, never stopped")
        command = [sys.executable, "-m", "benchmarks.often", "train", *words(asked.epochs), "--device", "cpu"]
        subprocess.run([*command, "--run", str(unbroken)], check=True, stdout=subprocess.DEVNULL)
        say("two hosts, a process on each")
        train_with_a_guest(run, asked.epochs)
        ends = saved(run), saved(unbroken)
        scores = accuracy(run), accuracy(unbroken)
    for name, step, score in zip(("this one", "unbroken"), ends, scores, strict=True):
        say(f"{name} ended after step {step}, with {score:.1%} of the test pictures right")
    raise SystemExit(0 if ends[0] == ends[1] and abs(scores[0] - scores[1]) < NEAR else 1)


if __name__ == "__main__":
    main()
