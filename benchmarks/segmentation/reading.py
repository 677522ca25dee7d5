"""What it costs to open a set of pictures with masks, to load it, and to vary its pictures: processor time.

python benchmarks/segmentation/reading.py camvid/ --scale 0.5
"""

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import torch

from residua.data import Batching
from residua.data.masks import MaskAugment, MaskBatches, MaskPreprocess, load_masks, open_masks

Result = TypeVar("Result")
EPOCHS = 3


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """Return what is worked out, and the seconds of all processors that it took."""
    began = time.process_time()
    return work(), time.process_time() - began


def main() -> None:
    """Measure, and print a table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("data")
    asked.add_argument("--scale", type=float, default=1.0)
    given = asked.parse_args()
    torch.set_num_threads(1)
    opened, seconds = timed(lambda: open_masks(given.data))
    count = sum(map(len, opened.splits.values()))
    print(f"open, with every mask read   {1000 * seconds / count:6.2f} ms a picture, of {count:,}")
    preprocess, seconds = timed(lambda: MaskPreprocess.for_source(opened, scale=given.scale))
    print(
        f"mean and deviation           {seconds:6.2f} s; crops of {preprocess.crop[0]} × {preprocess.crop[1]}"
    )
    source, seconds = timed(lambda: load_masks(opened, preprocess))
    print(f"load into memory             {1000 * seconds / count:6.2f} ms a picture")
    for strength in ("none", "light", "strong"):
        augment = MaskAugment.for_source(source, strength=strength)
        batches = MaskBatches(
            source.splits["train"],
            preprocess,
            augment=augment,
            batching=Batching(size=16, shuffle=True),
            workers=0,
        )
        best = min(timed(lambda: sum(1 for _ in batches.epoch(epoch)))[1] for epoch in range(EPOCHS))  # noqa: B023
        print(f"varied, {strength:6}               {1000 * best / len(batches.split):6.2f} ms a picture")


if __name__ == "__main__":
    main()
