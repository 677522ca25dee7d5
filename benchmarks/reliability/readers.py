"""Kill a process that reads pictures for a training, or change a picture: named, and the run goes on from there.

    scripts/faults readers [--pictures 200]

A training of photos that are read from their files in every epoch, as if they were too many for the memory. While it
trains one of its readers is killed (SIGKILL, as the system does when memory runs out), or a picture is deleted, cut
short, or replaced by another of the same length. Then the picture is put back and the run goes on. A last training is
told to skip such batches. Exit code 1 when one ends without a sentence that names what happened, when a run goes on
with a changed picture, or when the end is not that of a run that nothing happened to, bit for bit.
"""

import argparse
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.launching import NO_ROOM, differing, ended, metrics, residua, start, wait_until
from residua.runs import read_json
from residua.training.record import DataRecord

SETTINGS = ("--model", "resnet8_cifar", "--epochs", "3", "--batch-size", "8", "--workers", "1", "--no-exam")
CHANGED = "007.bmp"
"""Of this name there is one in each class, at least one of which is trained on."""

Change = Callable[[Path], None]


def make_photos(folder: Path, count: int) -> Path:
    """Write pictures of noise, of two classes; uncompressed, so that all have the same length."""
    random = np.random.default_rng(0)
    for label in ("class0", "class1"):
        (folder / label).mkdir(parents=True)
        for number in range(count // 2):
            pixels = random.integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number:03d}.bmp")
    return folder


def replace(picture: Path) -> None:
    """Put another picture of the same length in its place."""
    shutil.copyfile(picture.with_name("008.bmp"), picture)


def cut(picture: Path) -> None:
    """Leave only its first half."""
    picture.write_bytes(picture.read_bytes()[: picture.stat().st_size // 2])


CHANGES: dict[str, Change] = {"deleted": Path.unlink, "cut short": cut, "replaced": replace}


def children(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def training(photos: Path, run: Path, *words: str) -> subprocess.Popen[str]:
    """Start a training, and wait until its first epoch is over."""
    command = ("train", str(photos), *SETTINGS, *words, "--run", str(run), "--device", "cpu")
    process = start(*command, before=NO_ROOM)
    wait_until(lambda: '"kind":"epoch"' in metrics(run) or process.poll() is not None, "the first epoch")
    return process


def kill_reader(photos: Path, run: Path, unbroken: Path) -> bool:
    """Kill the reader of a training and go on; return whether all went as it should."""
    process = training(photos, run)
    wait_until(lambda: bool(children(process.pid)) or process.poll() is not None, "the readers")
    os.kill(children(process.pid)[0], signal.SIGKILL)
    code, said = ended(process)
    again, _ = residua("resume", str(run), before=NO_ROOM)
    different = differing(run, unbroken)
    print(
        f"reader killed: exit code {code}: {said}\n    on: {again}; tensors that differ: {len(different)}",
        flush=True,
    )
    return code == 2 and "was killed" in said and again == 0 and not different


def change_picture(photos: Path, run: Path, unbroken: Path, what: str) -> bool:
    """Change a picture under a training, try to go on, put it back and go on; return whether all went as it should."""
    kept = {picture: picture.read_bytes() for picture in photos.rglob(CHANGED)}
    process = training(photos, run)
    for picture in kept:
        CHANGES[what](picture)
    code, said = ended(process)
    refused, why = residua("resume", str(run), before=NO_ROOM)
    for picture, content in kept.items():
        picture.write_bytes(content)
    again, _ = residua("resume", str(run), before=NO_ROOM)
    different = differing(run, unbroken)
    print(
        f"{what}: exit code {code}: {said}\n    resumed as it is: {refused}: {why}\n"
        f"    put back: {again}; tensors that differ: {len(different)}",
        flush=True,
    )
    named = CHANGED in said and refused == 2
    return code == 2 and named and again == 0 and not different


def skip(photos: Path, run: Path, unbroken: Path) -> bool:
    """Delete a picture under a training that may skip; return whether it came to its end and says what it skipped."""
    trained_on = read_json(unbroken / "data.json", DataRecord).description.splits["train"].names
    picture = photos / trained_on[0]
    kept = picture.read_bytes()
    process = training(photos, run, "--on-bad-batch", "skip")
    picture.unlink()
    code, said = ended(process)
    picture.write_bytes(kept)
    skipped = metrics(run).count("skipped batch")
    print(f"skipping: exit code {code}: {said}\n    {skipped} batches skipped", flush=True)
    return code == 0 and skipped > 0 and picture.name in metrics(run)


def main() -> None:
    """Try each fault and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos, unbroken = make_photos(folder / "photos", asked.pictures), folder / "unbroken"
        ended(training(photos, unbroken))
        well = [kill_reader(photos, folder / "killed", unbroken)]
        well += [change_picture(photos, folder / what, unbroken, what) for what in CHANGES]
        well.append(skip(photos, folder / "skipping", unbroken))
    raise SystemExit(0 if all(well) else 1)


if __name__ == "__main__":
    main()
