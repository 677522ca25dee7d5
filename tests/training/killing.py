"""A training in a process of its own that is killed without a word."""

import subprocess
import sys
import time
from pathlib import Path


def kill_in_training(code: str, run: Path) -> None:
    """Run a program that trains, and kill it once the run has its first row."""
    process = subprocess.Popen([sys.executable, "-c", code])
    while not (run / "metrics.jsonl").exists() and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
