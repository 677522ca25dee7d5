"""Fill the disk, or make it read-only, under a training: it ends with the reason, and goes on when there is room.

    scripts/faults disk [--kilobytes 1000 1400 2000 3200]

Each training of digits writes to a small disk of its own, in memory (tmpfs); for that one must be root. When it has
ended the disk is made larger, or writable again, and the run goes on. Exit code 1 when a training does not end with
one sentence that says why, when a checkpoint is damaged, or when the end is not that of a run never stopped.
"""

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.launching import differing, ended, metrics, residua, start, wait_until
from residua.training.checkpoint import checkpoints, read_checkpoint

TRAIN = ("train", "digits", "--model", "resnet8_cifar", "--epochs", "2", "--no-exam", "--device", "cpu")
LARGE = "64m"


def mount(*words: str) -> None:
    """Call mount, which must succeed."""
    subprocess.run(["mount", *words], check=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Give a disk of a size, mounted on a folder."""
    folder.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def go_on(run: Path) -> tuple[int, str]:
    """Do what the sentence says next: resume, or begin again where nothing had begun."""
    if (run / "config.json").exists():
        return residua("resume", str(run))
    return residua(*TRAIN, "--run", str(run))


def whole(run: Path) -> int:
    """Return how many checkpoints a run has; each must be whole."""
    found = checkpoints(run / "checkpoints")
    for path in found:
        read_checkpoint(path)
    return len(found)


def full(folder: Path, unbroken: Path, kilobytes: int) -> bool:
    """Train on a disk that is too small, make it larger, go on; return whether all went as it should."""
    with small_disk(folder / f"disk{kilobytes}", f"{kilobytes}k") as disk:
        run = disk / "run"
        code, said = residua(*TRAIN, "--run", str(run))
        print(f"{kilobytes} kB: exit code {code}: {said}", flush=True)
        kept = whole(run)
        mount("-o", f"remount,size={LARGE}", str(disk))
        again, _ = go_on(run)
        different = differing(run, unbroken)
    print(
        f"    {kept} whole checkpoints; on: exit code {again}; tensors that differ: {len(different)}",
        flush=True,
    )
    return code == 2 and "no space left" in said and again == 0 and not different


def read_only(folder: Path, unbroken: Path) -> bool:
    """Make the disk of the checkpoints read-only under a run, and writable again; return whether it went well."""
    run = folder / "run"
    with small_disk(run / "checkpoints", LARGE) as disk:
        process = start(*TRAIN, "--run", str(run))
        wait_until(
            lambda: (bool(checkpoints(disk)) and metrics(run) != "") or process.poll() is not None,
            "the first checkpoint",
        )
        mount("-o", "remount,ro", str(disk))
        code, said = ended(process)
        print(f"read-only: exit code {code}: {said}", flush=True)
        kept = whole(run)
        mount("-o", "remount,rw", str(disk))
        again, _ = go_on(run)
        different = differing(run, unbroken)
    print(
        f"    {kept} whole checkpoints; on: exit code {again}; tensors that differ: {len(different)}",
        flush=True,
    )
    return code == 2 and "read-only" in said and "residua resume" in said and again == 0 and not different


def main() -> None:
    """Try each disk and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kilobytes", type=int, nargs="*", default=[1000, 1400, 2000, 3200])
    asked = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("only root may mount a disk; nothing was tried")
    with tempfile.TemporaryDirectory() as name:
        unbroken = Path(name) / "unbroken"
        residua(*TRAIN, "--run", str(unbroken))
        well = [full(Path(name), unbroken, kilobytes) for kilobytes in asked.kilobytes]
        well.append(read_only(Path(name), unbroken))
    raise SystemExit(0 if all(well) else 1)


if __name__ == "__main__":
    main()
