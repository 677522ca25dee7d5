"""Train on a batch that is not finite, or whose loss is not: named, and stopped or skipped; no weight is harmed.

    scripts/faults batches [--batch 5]

One batch of each epoch of a training of digits is spoilt: a picture of it becomes NaN, or all become so bright that
the loss is not finite. Exit code 1 when the training that stops does not name the batch, when the one that skips does
not come to its end, or when a checkpoint or the model holds a number that is not finite.
"""

import argparse
import tempfile
from pathlib import Path

from safetensors.torch import load_file

from benchmarks.launching import metrics, residua

TRAIN = (
    "train",
    "digits",
    "--model",
    "resnet8_cifar",
    "--epochs",
    "2",
    "--no-exam",
    "--device",
    "cpu",
    "--no-amp",
)
SPOILT = """
from residua.data import Batches
epoch = Batches.epoch
def spoilt(self, number, start=0):
    for place, batch in enumerate(epoch(self, number, start), start=start):
        if place == {batch} and self.shuffle:
            {spoil}
        yield batch
Batches.epoch = spoilt
"""
SPOIL = {"NaN": "batch.images[3] = float('nan')", "infinite": "batch.images.fill_(3e38)"}
"""What is done to the pictures of one batch."""


def not_finite(run: Path) -> int:
    """Return how many tensors of the checkpoints and of the model are not finite."""
    files = [*run.glob("checkpoints/step-*"), *run.glob("model.safetensors")]
    return sum(not tensor.isfinite().all() for file in files for tensor in load_file(file).values())


def trained_on(run: Path, what: str, number: int, *words: str) -> tuple[int, str, int]:
    """Train on spoilt batches; return the exit code, what was said, and how many batches were skipped."""
    before = SPOILT.format(batch=number, spoil=SPOIL[what])
    code, said = residua(*TRAIN, *words, "--run", str(run), before=before)
    return code, said, metrics(run).count("skipped batch")


def main() -> None:
    """Try each fault and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=5)
    asked = parser.parse_args()
    well = []
    with tempfile.TemporaryDirectory() as folder:
        for what in SPOIL:
            run = Path(folder) / what
            code, said, _ = trained_on(run, what, asked.batch)
            print(f"{what}: exit code {code}: {said}")
            well.append(code == 2 and "digits/" in said and not not_finite(run))
            run = Path(folder) / f"{what}-skip"
            code, said, skipped = trained_on(run, what, asked.batch, "--on-bad-batch", "skip")
            bad = not_finite(run)
            print(
                f"    skipping: exit code {code}, {skipped} batches skipped, {bad} tensors not finite",
                flush=True,
            )
            well.append(code == 0 and skipped == 2 and not bad)
    raise SystemExit(0 if all(well) else 1)


if __name__ == "__main__":
    main()
