"""Processes started by torchrun, as a user starts them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).parent


def command(processes: int, words: Sequence[str], *, restarts: int = 0) -> list[str]:
    """Return the words that start `python -m residua WORDS`, or a script if the first word is one, so many times."""
    program = list(words) if words[0].endswith(".py") else ["-m", "--", "residua", *words]
    options = ["--standalone", f"--nproc-per-node={processes}", f"--max-restarts={restarts}"]
    return [sys.executable, "-m", "torch.distributed.run", *options, *program]


def begin(processes: int, words: Sequence[str], *, restarts: int = 0) -> subprocess.Popen[str]:
    """Start the processes, each with one thread."""
    return subprocess.Popen(
        command(processes, words, restarts=restarts),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def run(processes: int, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run the processes to their end."""
    started = begin(processes, words)
    out, errors = started.communicate(timeout=120)
    return subprocess.CompletedProcess(started.args, started.returncode, out, errors)


def wait_until(condition: Callable[[], bool], started: subprocess.Popen[str]) -> None:
    """Wait for something that the processes do; an end before it is an error."""
    until = time.monotonic() + 120
    while not condition():
        if started.poll() is not None:
            raise AssertionError(f"the processes ended first: {started.communicate()[1]}")
        assert time.monotonic() < until, "the processes did not come so far in two minutes"
        time.sleep(0.05)
