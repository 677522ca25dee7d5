"""Readers of pictures, tables, specs and records, led by coverage (atheris) to the lines that no input has reached yet.

    scripts/faults fuzz [--seconds 600] [--only NAME ...] [--keep FOLDER]

Each reader has its share of the time, in a process of its own that begins with files that it reads. The coverage is
that of Python: the readers of Residua, Pillow and tifffile; what Pillow has in C is met, but does not lead. Exit code 1
when anything but an answer or an error of Residua's own comes out, or one input takes more than 30 s or 2.5 GB; the
input is kept. Needs atheris: pip install 'residua[fuzz]', on Linux and up to Python 3.13.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.hostile.targets import targets

DONE: Final = re.compile(r"Done (\d+) runs")
COVERED: Final = re.compile(r"cov: (\d+)")


def fuzzed(name: str, seconds: int, kept: Path) -> tuple[bool, str]:
    """Let one reader be fuzzed; return whether nothing was found, and how often it read, as words.

    Args:
        name: of the reader.
        seconds: for it.
        kept: folder for an input that something is wrong with, and for what was said.
    """
    with tempfile.TemporaryDirectory() as corpus:
        command = [sys.executable, "-m", "benchmarks.hostile.fuzzed", name, corpus]
        limits = ["-timeout=30", "-rss_limit_mb=2500", "-max_len=20000", f"-artifact_prefix={kept}/{name}-"]
        with (kept / f"{name}.log").open("w") as log:
            ended = subprocess.run(
                [*command, f"-max_total_time={seconds}", *limits], stdout=log, stderr=log, check=False
            )
    said = (kept / f"{name}.log").read_text(errors="replace")
    done, covered = DONE.search(said), COVERED.findall(said)
    if ended.returncode:
        wrong = [line for line in said.splitlines() if "Error" in line or "ERROR" in line]
        return (
            False,
            f"{wrong[0].strip() if wrong else f'ended with {ended.returncode}'}; see {kept}/{name}.log",
        )
    runs = int(done[1]) if done else 0
    return (
        runs > 0,
        f"{runs:,} inputs, {covered[0] if covered else 0} to {covered[-1] if covered else 0} places reached",
    )


def main() -> None:
    """Fuzz every reader, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600, help="for all of them together")
    parser.add_argument("--only", nargs="+", choices=list(targets()), metavar="NAME")
    parser.add_argument("--keep", type=Path, help="folder for the inputs that something is wrong with")
    asked = parser.parse_args()
    if find_spec("atheris") is None:
        print(
            "atheris is not installed, and nothing was fuzzed: pip install 'residua[fuzz]' (Linux, up to Python 3.13)"
        )
        return
    kept = (asked.keep or Path(tempfile.mkdtemp(prefix="residua-fuzz-"))).absolute()
    kept.mkdir(parents=True, exist_ok=True)
    names = asked.only or list(targets())
    fine = True
    for name in names:
        whole, said = fuzzed(name, max(1, asked.seconds // len(names)), kept)
        fine &= whole
        print(f"{name}: {said}", flush=True)
    raise SystemExit(0 if fine else 1)


if __name__ == "__main__":
    main()
