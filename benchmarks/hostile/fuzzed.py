"""One reader in the hands of atheris; `scripts/faults fuzz` starts one such process for each.

python -m benchmarks.hostile.fuzzed NAME CORPUS [options of libFuzzer]
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

import atheris

READERS: Final = [
    "PIL",
    "tifffile",
    "csv",
    "residua.data",
    "residua.runs",
    "residua.nets",
    "residua.training.record",
]
"""Packages whose lines lead; each more of them makes the start longer."""

with atheris.instrument_imports(include=READERS):
    from benchmarks.hostile.targets import refuses_or_reads, targets


def main() -> None:
    """Fuzz until the time is over or something is found; libFuzzer ends the process either way."""
    name, corpus, *options = sys.argv[1:]
    target = targets()[name]
    for number, content in enumerate(target.seeds()):
        (Path(corpus) / f"seed-{number}").write_bytes(content)
    folder = Path(tempfile.mkdtemp(dir=corpus, prefix="read-"))

    def one(content: bytes) -> None:
        refuses_or_reads(target, folder, content)

    atheris.Setup([sys.argv[0], *options, corpus], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
