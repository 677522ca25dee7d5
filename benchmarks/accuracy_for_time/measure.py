"""CIFAR-10 (JPEG): how accurate after how long, Residua's fast recipe beside others on the same processor.

    python -m benchmarks.accuracy_for_time.measure CIFAR10 [--seeds 0 1 2] [--only SIDE ...]
        [--out ROWS] [--figure FILE] [--quick]

Every point of a curve is one training with a schedule of its own that ends there: none is read off the middle of a
longer one. The sides:

- `residua`: `residua train CIFAR10 --recipe fast --epochs N`, which learns from 49,000 of the 50,000 training pictures
  and keeps 1,000 for validation;
- `airbench_narrow`, `airbench_full`: the network and the recipe of airbench94 (`airbench.py`), at widths of 32, 128 and
  128, and at the paper's 64, 256 and 256;
- `resnet20`: akamaster's recipe for He's ResNet-20, its steps of the learning rate moved to where the epochs end.

The peers are written in plain PyTorch, their pictures lie in memory as bytes, channels are last, glibc keeps its
memory, and each takes float32 or bfloat16, whichever a few of its own steps show to be faster here. Time is that of
steps and of work on the data, by the wall and by the processors; reading files, the first weights, validation and
evaluation are no side's. Every network is scored by the same function on all test pictures seen once; the rows hold
airbench's average over six views too.

Rows that are there already are not measured again, so a measurement cut short goes on with the same command.
`--quick` takes a twentieth of the pictures and one epoch of each side. It shows that all of it runs; its accuracies
say nothing.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.accuracy_for_time.figure import draw, times_to
from benchmarks.rows import read_rows

EPOCHS: Final[dict[str, tuple[int, ...]]] = {
    "residua": (2, 3, 4, 8, 16),
    "airbench_narrow": (2, 3, 5, 10),
    "airbench_full": (2, 3, 6, 10),
    "resnet20": (5, 10),
}
QUICK_PART: Final = 20
REACHED: Final = (0.80, 0.85, 0.90)


def part(cifar: Path, folder: Path) -> Path:
    """Return a folder that links few pictures of each class."""
    for inside in sorted(path for split in ("train", "test") for path in (cifar / split).iterdir()):
        kept = folder / inside.relative_to(cifar)
        kept.mkdir(parents=True)
        for path in sorted(inside.iterdir())[::QUICK_PART]:
            (kept / path.name).symlink_to(path.resolve())
    return folder


def measured(cifar: Path, side: str, epochs: int, seed: int) -> dict[str, Any]:
    """Train in a process of its own, and return the row."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.accuracy_for_time.sides",
        str(cifar),
        side,
        str(epochs),
        str(seed),
    ]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {"side": side, "epochs": epochs, "seed": seed} | json.loads(answer.splitlines()[-1])


def measure(cifar: Path, wanted: list[tuple[str, int, int]], path: Path) -> None:
    """Measure what is not among the rows of a file, adding each row as soon as it is known."""
    known = {(row["side"], row["epochs"], row["seed"]) for row in read_rows(path)}
    for side, epochs, seed in wanted:
        if (side, epochs, seed) in known:
            continue
        row = measured(cifar, side, epochs, seed)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(
            f"{side:16} {epochs:3} epochs, seed {seed}: {row['plain']:.2%} after {row['seconds']:6.1f} s "
            f"({row['cpu']:6.1f} s of processors, {row['dtype']})",
            flush=True,
        )


def main() -> None:
    """Measure, say when each side is how accurate, and draw."""
    parser = argparse.ArgumentParser(description="CIFAR-10 (JPEG): how accurate after how long.")
    parser.add_argument("cifar10", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=EPOCHS, default=list(EPOCHS))
    parser.add_argument("--out", type=Path, default=Path("runs/accuracy_for_time.jsonl"))
    parser.add_argument("--figure", type=Path, help="beside the rows if not given")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the pictures, one epoch a side")
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    wanted = [(side, n, seed) for seed in given.seeds for side in given.only for n in EPOCHS[side]]
    with tempfile.TemporaryDirectory() as folder:
        cifar, out = given.cifar10, given.out
        if given.quick:
            cifar, out = part(cifar, Path(folder)), out.with_stem(f"{out.stem}-quick")
            out.unlink(missing_ok=True)
            wanted = [(side, 1, 0) for side in given.only]
        measure(cifar, wanted, out)
    rows = read_rows(out)
    for line in times_to(rows, REACHED):
        print(line)
    draw(rows, REACHED, given.figure or out.with_suffix(".svg"))


if __name__ == "__main__":
    main()
