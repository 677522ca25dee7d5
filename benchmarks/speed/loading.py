"""Pictures made ready for training: Residua's batches beside torchvision's transforms, one core each.

    python -m benchmarks.speed.loading [--quick] [--out FILE]

JPEG files of 500 × 375 and of 2000 × 1500 pixels to random crops of 224 with flips; the same pictures once they
are held in memory, as `residua train` holds a set that fits; and pictures of 32 pixels that both hold in
memory, shifted by some pixels and flipped. The peer is torchvision's RandomResizedCrop, RandomCrop, flip,
ToTensor and Normalize in PyTorch's DataLoader, as it comes and with the allocator set as Residua sets it for a
training. Both normalise and give tensors in float32; both resize with a filter that widens as it shrinks, and draw
crops of 35 to 100 % of a picture, Residua's default. Residua decodes by simplejpeg if it is installed. One call is
a batch of 64 pictures.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.speed.peers import declare_operators
from benchmarks.speed.training import KEPT
from benchmarks.speed.twins import Side, compared, keep, show
from residua.data import Augment, Batches, Batching, Preprocess, load, open_source
from residua.training.processor import keep_memory

BATCH = 64
MODULE = "benchmarks.speed.loading"
ONE_CORE = {"OMP_NUM_THREADS": "1"}

CASES = (
    ("JPEG of 500 × 375 to 224", (500, 375), 256, 224, False),
    ("JPEG of 2000 × 1500 to 224", (2000, 1500), 64, 224, False),
    ("JPEG of 500 × 375 to 224, Residua's held in memory", (500, 375), 256, 224, True),
    ("32 pixels, in memory", (32, 32), 2048, 32, True),
)
"""Title, width and height, how many, side of the crops, and whether Residua holds them in memory."""


def write_pictures(folder: Path, width: int, height: int, count: int) -> None:
    """Write JPEG files of two classes, as much work to decode as photos: noise that falls off with frequency."""
    for number in range(count):
        noise = np.random.default_rng(number).normal(size=(max(4, height // 8), max(4, width // 8), 3))
        pixels = (128 + 40 * noise).clip(0, 255).astype(np.uint8)
        image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
        for split in ("train", "val") if number < 4 else ("train",):
            place = folder / split / f"class{number % 2}"
            place.mkdir(parents=True, exist_ok=True)
            image.save(place / f"{split}{number}.jpg", quality=90)


def endless(batches: Callable[[int], Iterator[Any]]) -> Callable[[], object]:
    """Return what gives the next batch, epoch after epoch."""

    def walk() -> Iterator[Any]:
        epoch = 0
        while True:
            epoch += 1
            yield from batches(epoch)

    walking = walk()
    return lambda: next(walking)


def residua(folder: str, *, size: int, held: bool) -> Callable[[], object]:
    """Return what gives the next batch of Residua."""
    torch.set_num_threads(1)
    keep_memory()  # as in training
    source = open_source(folder)
    preprocess = Preprocess.for_source(source, size)
    if held:
        source = load(source, preprocess)
    batches = Batches(
        source.splits["train"],
        preprocess,
        augment=Augment.for_source(source, preprocess),
        batching=Batching(size=BATCH, shuffle=True),
        workers=0,
    )
    return endless(batches.epoch)


def torchvision(folder: str, *, size: int, held: bool) -> Callable[[], object]:
    """Return what gives the next batch of torchvision's transforms; a folder of files is decoded each time."""
    torch.set_num_threads(1)
    declare_operators()
    from torchvision import datasets, transforms

    small = size <= 64
    crop = (
        transforms.RandomCrop(size, 4, padding_mode="reflect")
        if small
        else transforms.RandomResizedCrop(size, scale=(Augment().area, 1.0))
    )
    prepare = transforms.Compose(
        [
            crop,
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    files = datasets.ImageFolder(str(Path(folder) / "train"), prepare)
    dataset: Any = files
    if small:
        dataset = [(files.loader(path).copy(), label) for path, label in files.samples]
        kept = dataset

        class Held(torch.utils.data.Dataset[Any]):
            def __len__(self) -> int:
                return len(kept)

            def __getitem__(self, place: int) -> Any:
                image, label = kept[place]
                return prepare(image), label

        dataset = Held()
    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True)
    return endless(lambda epoch: iter(loader))


def main() -> None:
    """Measure each kind of picture."""
    parser = argparse.ArgumentParser(description="Pictures made ready for training, beside torchvision.")
    parser.add_argument("--quick", action="store_true", help="few and short turns")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    for title, (width, height), count, size, held in CASES:
        with tempfile.TemporaryDirectory() as folder:
            write_pictures(Path(folder), width, height, count)
            common = {"folder": folder, "size": size, "held": held}
            sides = [
                Side(name="Residua", work=f"{MODULE}:residua", arguments=common, settings=ONE_CORE),
                Side(name="torchvision", work=f"{MODULE}:torchvision", arguments=common, settings=ONE_CORE),
                Side(
                    name="torchvision, memory kept",
                    work=f"{MODULE}:torchvision",
                    arguments=common,
                    settings=ONE_CORE | KEPT,
                ),
            ]
            rows = compared(sides, turns=3 if given.quick else 7, seconds=1 if given.quick else 3)
        show(f"{title}, batches of {BATCH}", rows)
        keep(given.out, f"loading, {title}", rows)


if __name__ == "__main__":
    main()
