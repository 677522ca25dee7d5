"""The class folders of JPEG files, read once into memory for the peers, and the score that all sides are given."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from residua.training.processor import has_bfloat16

BATCH = 500
CPU = torch.device("cpu")


def read_pictures(folder: Path) -> tuple[np.ndarray, Tensor]:
    """Return the pictures in a folder of class folders, uint8, N × 32 × 32 × 3, and their labels."""
    pictures, labels = [], []
    for label, inside in enumerate(sorted(path for path in folder.iterdir() if path.is_dir())):
        for path in sorted(inside.iterdir()):
            with Image.open(path) as image:
                pictures.append(np.asarray(image.convert("RGB")))
            labels.append(label)
    return np.stack(pictures), torch.tensor(labels)


@final
@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Shares of the test pictures that are right.

    Attributes:
        plain: each seen once.
        averaged: each seen six times, as airbench does by default: as it is, and moved by one pixel up and left or down
            and right, each of these mirrored too; the logits are averaged, those of the moved ones weigh as much as
            those of the others.
    """

    plain: float
    averaged: float


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> Accuracy:
    """Return how many pictures are right, for all sides in the type that is faster here; no side's time has it in.

    Args:
        model: from normalised images to logits.
        images: normalised.
        labels: of the images.
    """
    model.eval()
    right = averaged = 0
    for start in range(0, len(images), BATCH):
        batch, truth = images[start : start + BATCH], labels[start : start + BATCH]
        padded = F.pad(batch, (1, 1, 1, 1), mode="reflect")
        size = batch.shape[-1]
        moved = [padded[:, :, :size, :size], padded[:, :, 2:, 2:]]
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16(CPU)):
            seen = model(batch).float()
            still = seen + model(batch.flip(3)).float()
            shifted = sum(model(view).float() + model(view.flip(3)).float() for view in moved)
        right += int((seen.argmax(1) == truth).sum())
        averaged += int(((still / 2 + shifted / 4).argmax(1) == truth).sum())
    return Accuracy(plain=right / len(images), averaged=averaged / len(images))
