"""The other side of `camvid.py`: segmentation_models.pytorch's Unet in the plain loop that its documentation shows.

Nothing here is tuned, and nothing is held back: Adam at 1e-3, cross-entropy that ignores void, batches of 8, flips left
to right, inputs normalised as its documentation does, a validation after each epoch whose best is kept.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from residua.objective import MaskCounts, count_pixels, mask_scores
from residua.types import VOID

# The library needs torchvision, and its build for PyPI does not import beside a CPU build of torch without these two.
LIBRARY = torch.library.Library("torchvision", "DEF")
LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH = 8


def pairs(root: Path, split: str, classes: int) -> list[tuple[Tensor, np.ndarray]]:
    """Return the pictures of a split at half size, normalised and padded to a multiple of 32, and their masks."""
    found = []
    for path in sorted((root / split / "images").iterdir()):
        image = Image.open(path).convert("RGB")
        half = image.resize((image.width // 2, image.height // 2), Image.Resampling.BILINEAR)
        values = (torch.from_numpy(np.array(half)).float() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
        height, width = values.shape[:2]
        padded = F.pad(values.permute(2, 0, 1), (0, -width % 32, 0, -height % 32))
        mask = np.array(Image.open(root / split / "masks" / f"{path.stem}.png"))
        found.append((padded, np.where(mask < classes, mask, VOID).astype(np.uint8)))
    return found


def target(mask: np.ndarray, shape: torch.Size) -> Tensor:
    """Return a mask at half size, void where the picture was padded."""
    half = torch.from_numpy(mask[::2, ::2].astype(np.int64))
    return F.pad(half, (0, shape[2] - half.shape[1], 0, shape[1] - half.shape[0]), value=VOID)


def batches(data: list[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Give the batches of an epoch, half of the pictures flipped."""
    order = random.sample(range(len(data)), len(data))
    for start in range(0, len(order), BATCH):
        chosen = [data[index] for index in order[start : start + BATCH]]
        flipped = [
            (image.flip(2), mask.flip(1)) if random.random() < 0.5 else (image, mask)
            for image, mask in chosen
        ]
        yield torch.stack([image for image, _ in flipped]), torch.stack([mask for _, mask in flipped])


@torch.no_grad()
def scored(model: nn.Module, data: list[tuple[Tensor, np.ndarray]], names: tuple[str, ...]) -> dict[str, Any]:
    """Return mean IoU, pixel accuracy and the IoU of each class at the original size."""
    model.eval()
    counts = MaskCounts.none(len(names))
    for image, mask in data:
        height, width = mask.shape
        logits = model(image[None])[:, :, : (height + 1) // 2, : (width + 1) // 2]
        guess = F.interpolate(logits, (height, width), mode="bilinear").argmax(1)
        counts = counts + count_pixels(torch.from_numpy(mask)[None], guess, len(names), edges=False)
    found = mask_scores(counts, names)
    model.train()
    return {
        "mean_iou": found.mean_iou,
        "pixel_accuracy": found.pixel_accuracy,
        "iou": {one.name: one.iou for one in found.per_class},
    }


def main() -> None:
    """Train until the file to stop at is there; print the scores of the best epoch."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--stop", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args()
    import segmentation_models_pytorch as smp

    began = time.monotonic()
    random.seed(given.seed)
    torch.manual_seed(given.seed)
    lines = (given.data / "classes.txt").read_text().splitlines()
    names = tuple(line.split()[-1] for line in lines if line.strip() and "void" not in line.lower())
    train = [(i, target(m, i.shape)) for i, m in pairs(given.data, "train", len(names))]
    val = pairs(given.data, "val", len(names))
    model = smp.Unet("resnet18", encoder_weights=None, in_channels=3, classes=len(names))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss = nn.CrossEntropyLoss(ignore_index=VOID)
    best: dict[str, Any] = {"mean_iou": -1.0}
    epoch = 0
    while not given.stop.exists():
        for images, masks in batches(train):
            optimizer.zero_grad()
            loss(model(images), masks).backward()
            optimizer.step()
            if given.stop.exists():
                break
        epoch += 1
        found = scored(model, val, names)
        best = max(best, found, key=lambda one: one["mean_iou"])
    name = f"segmentation_models.pytorch {smp.__version__}"
    row = {"name": name, "seed": given.seed, "epochs": epoch, "seconds": time.monotonic() - began}
    print(json.dumps({**row, "last": found["mean_iou"], **best}))


if __name__ == "__main__":
    main()
