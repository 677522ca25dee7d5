"""Processes started by torchrun, as a user starts them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent


def command(processes: int, words: Sequence[str], *, restarts: int = 0) -> list[str]:
    """Return the words that start `python -m residua WORDS`, or a script if the first word is one, so many times."""
    program = list(words) if words[0].endswith(".py") else ["-m", "--", "residua", *words]
    options = ["--standalone", f"--nproc-per-node={processes}", f"--max-restarts={restarts}"]
    return [sys.executable, "-m", "torch.distributed.run", *options, *program]


@contextmanager
def started(processes: int, words: Sequence[str], *, restarts: int = 0) -> Iterator[subprocess.Popen[str]]:
    """Start the processes, each with one thread; what still runs at the end of the block is stopped."""
    launcher = subprocess.Popen(
        command(processes, words, restarts=restarts),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        yield launcher
    finally:
        if launcher.poll() is None:
            launcher.terminate()  # it stops the others, and kills those that do not heed
            launcher.communicate()


def run(processes: int, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run the processes to their end."""
    with started(processes, words) as launcher:
        out, errors = launcher.communicate(timeout=180)
    return subprocess.CompletedProcess(launcher.args, launcher.returncode, out, errors)


def wait_until(condition: Callable[[], bool], launcher: subprocess.Popen[str]) -> None:
    """Wait for something that the processes do; an end before it is an error."""
    until = time.monotonic() + 120
    while not condition():
        if launcher.poll() is not None:
            raise AssertionError(f"the processes ended first: {launcher.communicate()[1]}")
        assert time.monotonic() < until, "the processes did not come so far in two minutes"
        time.sleep(0.05)
