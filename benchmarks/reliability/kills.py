"""Kill a training again and again without a warning, resume it each time, and compare its end with an unbroken one.

    scripts/faults kills [--stops 200] [--seed 0] [--epochs 30]

A run that comes to its end before all the stops are used up is compared, and another one begins. Half of the
stops come at a random moment; the others wait for a file to be half written, or for the evaluation to begin,
which a random moment would hardly ever meet. Exit code 1 when one tensor differs in one bit.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

LONGEST = 15.0
"""Seconds from a start to its kill, at most: some epochs of digits with the start of Python before them."""


def command(run: Path, epochs: int) -> list[str]:
    """Return what a user would type next: `train` until there is a run, then `resume`."""
    words = ["train", "digits", "--epochs", str(epochs), "--seed", "7", "--run", str(run)]
    if (run / "config.json").exists():
        words = ["resume", str(run)]
    return [sys.executable, "-m", "residua", *words]


def go(run: Path, epochs: int) -> subprocess.Popen[bytes]:
    """Start or resume the run as a process of its own."""
    return subprocess.Popen(command(run, epochs), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def writing(run: Path) -> bool:
    """Return whether a file of the run is half written just now."""
    return any(run.rglob(".*.part"))


def evaluating(run: Path, epochs: int) -> bool:
    """Return whether the last epoch is over, so that only the evaluation and the report are left."""
    metrics = run / "metrics.jsonl"
    return metrics.exists() and f'"kind":"epoch","epoch":{epochs},' in metrics.read_text().replace(" ", "")


def moment(run: Path, epochs: int) -> str:
    """Return in words what a kill at this instant interrupts."""
    if not (run / "config.json").exists():
        return "starting"
    if writing(run):
        return "writing a file"
    return "evaluating" if evaluating(run, epochs) else "training"


def kill(run: Path, epochs: int, chance: random.Random) -> str | None:
    """Start the run and kill it; return what was interrupted, or None if it came to its end first."""
    process = go(run, epochs)
    until = time.monotonic() + chance.uniform(0, LONGEST)
    wait: Callable[[], bool] = chance.choice(
        [
            lambda: time.monotonic() < until,
            lambda: time.monotonic() < until,
            lambda: time.monotonic() < until or not writing(run),
            lambda: not evaluating(run, epochs) and time.monotonic() < until + LONGEST,
        ]
    )
    while wait() and process.poll() is None:
        time.sleep(0.0005)
    if process.poll() is not None:
        if process.returncode:
            raise SystemExit(f"the run ended by itself: {process.communicate()[1].decode()}")
        return None
    interrupted = moment(run, epochs)
    process.kill()
    process.wait()
    return interrupted


def differing(run: Path, unbroken: Path) -> list[str]:
    """Return the names of the tensors that differ, over the model and the last checkpoint."""
    last = max((unbroken / "checkpoints").glob("step-*.safetensors")).name
    found = []
    for name in ("model.safetensors", f"checkpoints/{last}"):
        ours, theirs = load_file(run / name), load_file(unbroken / name)
        found += sorted(ours.keys() ^ theirs.keys())
        found += [key for key in ours.keys() & theirs.keys() if not torch.equal(ours[key], theirs[key])]
    return found


def main() -> None:
    """Run the comparison and print a table of what the stops interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stops", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        unbroken, broken = Path(folder) / "unbroken", Path(folder) / "broken"
        go(unbroken, asked.epochs).wait()
        interrupted: Counter[str] = Counter()
        ends: list[list[str]] = []
        while True:
            stop = kill(broken, asked.epochs, chance) if interrupted.total() < asked.stops else None
            if stop is not None:
                interrupted[stop] += 1
                print(f"stop {interrupted.total():3d}: {stop}", flush=True)
                continue
            if not evaluating(broken, asked.epochs) or not (broken / "report.html").exists():
                go(broken, asked.epochs).wait()
            ends.append(differing(broken, unbroken))
            print(
                f"run {len(ends)} ended; tensors that differ from the unbroken run: {len(ends[-1])}",
                flush=True,
            )
            shutil.rmtree(broken)
            if interrupted.total() >= asked.stops:
                break
    parts = ", ".join(f"{count} while {name}" for name, count in interrupted.most_common())
    different = sum(map(bool, ends))
    print(f"{interrupted.total()} stops ({parts}); {len(ends)} runs ended, {different} of them otherwise")
    raise SystemExit(1 if different else 0)


if __name__ == "__main__":
    main()
