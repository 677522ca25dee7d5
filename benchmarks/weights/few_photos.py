"""What weights are worth on 300 photos, and how they are best begun with.

    python -m benchmarks.weights.few_photos CIFAR10 [--folder runs/few] [--seeds 0 1]

A ResNet-20 learns five classes of CIFAR-10 from all their pictures, for six epochs. Then 60 pictures of each of the
five other classes are learned, from nothing and from those weights, with one setting changed at a time, and measured on
all 5,000 test pictures of those classes.
"""

import argparse
import random
from dataclasses import replace
from pathlib import Path

from residua.training import Evaluation, Settings, train

FIRST = ("airplane", "bird", "deer", "horse", "ship")
OTHERS = ("automobile", "cat", "dog", "frog", "truck")
FEW = 60


def link(folder: Path, files: list[Path]) -> None:
    """Put links to files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        if not (folder / file.name).exists():
            (folder / file.name).symlink_to(file.resolve())


def divided(cifar: Path, folder: Path) -> tuple[Path, Path]:
    """Return a folder with all pictures of the first classes, and one with few of the others."""
    for label in FIRST:
        for split in ("train", "test"):
            link(folder / "source" / split / label, sorted((cifar / split / label).iterdir()))
    for label in OTHERS:
        files = sorted((cifar / "train" / label).iterdir())
        random.Random(0).shuffle(files)
        link(folder / "few" / "train" / label, files[:FEW])
        link(folder / "few" / "val" / label, files[100 : 100 + FEW])
        link(folder / "few" / "test" / label, sorted((cifar / "test" / label).iterdir()))
    return folder / "source", folder / "few"


def main() -> None:
    """Train, and print a line for each training."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cifar10", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("runs/few"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    asked = parser.parse_args()
    source, few = divided(asked.cifar10, asked.folder)
    weights = asked.folder / "weights"
    if not (weights / "model.json").exists():
        train(source, Settings(epochs=6), run=weights.resolve(), exam=False)
    begun = Settings(weights=str(weights))
    tried = {
        "from nothing": Settings(),
        "as chosen": begun,
        "body-lr 0.3": replace(begun, body_lr=0.3),
        "body-lr 1": replace(begun, body_lr=1.0),
        "frozen 0, body-lr 1": replace(begun, frozen=0, body_lr=1.0),
        "body-lr 0.1, norms kept": replace(begun, body_lr=0.1, norms="kept"),
        "body-lr 1, norms kept": replace(begun, body_lr=1.0, norms="kept"),
    }
    for name, settings in tried.items():
        for seed in asked.seeds:
            run = (asked.folder / f"{name.replace(' ', '-').replace(',', '')}-{seed}").resolve()
            _, found = train(few, replace(settings, seed=seed), run=run, exam=False)
            assert isinstance(found, Evaluation)
            print(f"{name}, seed {seed}: {found.scores.top1:.2%} of {found.scores.samples:,}", flush=True)


if __name__ == "__main__":
    main()
