"""Kill a training again and again without a warning, resume it each time, and compare its end with an unbroken one.

    scripts/faults kills [--stops 200] [--seed 0] [--epochs 12]

A run that comes to its end before all the stops are used up is compared, and another one begins. Of five stops one
comes at a random moment after the start, two after the first step, one waits for a file to be half written and one for
the evaluation, which a random moment would hardly ever meet. Exit code 1 when one tensor differs in one bit.

Each process does what the command line does, but is forked from one that has imported PyTorch, and saves every second
(`benchmarks/often.py`): so most of the time is spent where a kill can do harm. `scripts/faults worker` kills
processes that were started as a user's are.
"""

import argparse
import multiprocessing
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

from benchmarks.launching import differing, heed_stops, metrics, resumes, say, steps
from benchmarks.often import obey

LONGEST: Final = 3.0
"""Seconds from a start, or from its first step, to its kill, at most: some epochs of digits."""
CONTEXT: Final = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["benchmarks.often", "sklearn.datasets"])


def words(run: Path, epochs: int) -> list[str]:
    """Return what a user would type next: `train` until there is a run, then `resume`."""
    if (run / "config.json").exists():
        return ["resume", str(run)]
    return ["train", "digits", "--epochs", str(epochs), "--seed", "7", "--run", str(run)]


def go(run: Path, epochs: int) -> ForkServerProcess:
    """Start or resume the run as a process of its own; it ends with this one."""
    process = CONTEXT.Process(target=obey, args=(words(run, epochs), run.with_suffix(".log")), daemon=True)
    process.start()
    return process


def finish(run: Path, epochs: int) -> None:
    """Start or resume the run, and wait for its end.

    Raises:
        SystemExit: it ended with an error.
    """
    process = go(run, epochs)
    process.join()
    refuse_failed(process, run)


def refuse_failed(process: ForkServerProcess, run: Path) -> None:
    """Raise for a process that ended with an error.

    Raises:
        SystemExit: with what it said.
    """
    if process.exitcode:
        raise SystemExit(f"the run ended by itself: {run.with_suffix('.log').read_text()}")


def writing(run: Path) -> bool:
    """Return whether a file of the run is half written just now."""
    return any(run.rglob(".*.part"))


def evaluating(run: Path, epochs: int) -> bool:
    """Return whether the last epoch is over, so that only the evaluation and the report are left."""
    return f'"kind":"epoch","epoch":{epochs},' in metrics(run)


def moment(run: Path, epochs: int) -> str:
    """Return in words what a kill at this instant interrupts."""
    if not (run / "config.json").exists():
        return "starting"
    if writing(run):
        return "writing a file"
    return "evaluating" if evaluating(run, epochs) else "training"


def kill(run: Path, epochs: int, chance: random.Random) -> str | None:
    """Start the run and kill it; return what was interrupted, or None if it came to its end first."""
    begun, before = steps(run) > 0, len(resumes(run))
    process = go(run, epochs)
    kind = chance.choice(["start", "any", "any", "file", "end"])

    def wait_while(condition: Callable[[], bool]) -> None:
        while process.exitcode is None and condition():
            time.sleep(0.001)

    if kind != "start":
        wait_while(lambda: len(resumes(run)) == before if begun else steps(run) == 0)
    until = time.monotonic() + chance.uniform(0, LONGEST)
    wait_while(lambda: time.monotonic() < until)
    until = time.monotonic() + LONGEST
    if kind == "file":
        wait_while(lambda: not writing(run) and time.monotonic() < until)
    if kind == "end":
        wait_while(lambda: not evaluating(run, epochs) and time.monotonic() < until)
    if process.exitcode is not None:
        refuse_failed(process, run)
        return None
    interrupted = moment(run, epochs)
    process.kill()
    process.join()
    return interrupted


def main() -> None:
    """Run the comparison and print a table of what the stops interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stops", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=12)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    heed_stops()
    with tempfile.TemporaryDirectory() as folder:
        unbroken, broken = Path(folder) / "unbroken", Path(folder) / "broken"
        say("a run that is never stopped")
        finish(unbroken, asked.epochs)
        interrupted: Counter[str] = Counter()
        ends: list[list[str]] = []
        while True:
            stop = kill(broken, asked.epochs, chance) if interrupted.total() < asked.stops else None
            if stop is not None:
                interrupted[stop] += 1
                say(f"stop {interrupted.total():3d}: {stop}")
                continue
            if not (broken / "report.html").exists():
                finish(broken, asked.epochs)
            ends.append(differing(broken, unbroken))
            say(f"run {len(ends)} ended; tensors that differ from the unbroken run: {len(ends[-1])}")
            shutil.rmtree(broken)
            if interrupted.total() >= asked.stops:
                break
    parts = ", ".join(f"{count} while {name}" for name, count in interrupted.most_common())
    different = sum(map(bool, ends))
    say(f"{interrupted.total()} stops ({parts}); {len(ends)} runs ended, {different} of them otherwise")
    raise SystemExit(1 if different else 0)


if __name__ == "__main__":
    main()
