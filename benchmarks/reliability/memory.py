"""Train with too little memory: the run says what fits, and what it says then runs under the same limit.

    scripts/faults memory [--megabytes 170] [--batch-size 512]

A training of digits, enlarged, may take only so much more memory once it begins (RLIMIT_DATA, see
`benchmarks/limited.py`). Exit code 1 when it fits after all, ends without a sentence, or does not run as told.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TRAIN = ("train", "digits", "--model", "resnet8_cifar", "--image-size", "32", "--epochs", "1", "--no-exam")


def limited(megabytes: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with so much memory for its training."""
    command = [sys.executable, "-m", "benchmarks.limited", str(megabytes), *words, "--device", "cpu"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def advised(said: str) -> tuple[tuple[str, ...], str | None]:
    """Return the options of a smaller batch that a sentence advises, and the memory setting if it advises one."""
    smaller = re.search(r"begin again with (--batch-size \d+ --accumulate \d+)", said)
    memory = re.search(r"with --memory (\w+) it does", said)
    return tuple(smaller[1].split()) if smaller else (), memory[1] if memory else None


def main() -> None:
    """Run out of memory, follow each piece of advice, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=170)
    parser.add_argument("--batch-size", type=int, default=512)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        done = limited(
            asked.megabytes, *TRAIN, "--batch-size", str(asked.batch_size), "--run", str(run), "--amp"
        )
        said = (done.stderr or done.stdout).strip().splitlines()[-1]
        print(f"exit code {done.returncode}: {said}")
        smaller, memory = advised(said)
        if done.returncode != 2 or not (smaller or memory):
            raise SystemExit("this was to end with advice")
        tries = {}
        if memory:
            tries[f"resume --memory {memory}"] = ("resume", str(run), "--memory", memory)
        if smaller:
            again = (*TRAIN, *smaller, "--run", str(Path(folder) / "again"), "--amp")
            tries[f"train {' '.join(smaller)}"] = again
        codes = []
        for title, words in tries.items():
            followed = limited(asked.megabytes, *words)
            codes.append(followed.returncode)
            print(
                f"{title}: exit code {followed.returncode}; {(followed.stderr or followed.stdout).strip()[-300:]}"
            )
    raise SystemExit(any(codes))


if __name__ == "__main__":
    main()
