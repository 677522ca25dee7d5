"""The command line, with a checkpoint every second where a user's saves every minute.

    python -m benchmarks.often train digits --run garden

A fault can be tried soon after the start, and with a small training, when there is a checkpoint to go on from. When a
run is saved changes nothing in it: its end is the same, bit for bit.
"""

import os
import sys
from pathlib import Path
from typing import Final

from residua.cli import resume, train
from residua.cli.app import main
from residua.training import loop

VERBS: Final = (resume, train)
"""Imported here, so that a process that is forked from one with this module need not do it again."""

SECONDS: Final = 1


def obey(words: list[str], log: Path) -> None:
    """Do what a user typed and end this process; what it says goes to a file."""
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, sys.stdout.fileno())
    os.dup2(said, sys.stderr.fileno())
    sys.argv = ["residua", *words]
    type_in()


def type_in() -> None:
    """Do what this process was started with."""
    loop.SAVE_SECONDS = SECONDS
    main()


if __name__ == "__main__":
    type_in()
