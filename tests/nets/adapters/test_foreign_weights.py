"""Weights that another project trained, on pictures that it never saw in this form."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from residua.nets.adapters import adapt, read_weights
from residua.nets.build import build


def pictures(folder: Path) -> tuple[Tensor, Tensor]:
    """Return every picture of a folder of class folders, and its label: the place of the class in the alphabet."""
    files = [
        (file, label) for label, of in enumerate(sorted(folder.iterdir())) for file in sorted(of.iterdir())
    ]
    pixels = np.stack([np.asarray(Image.open(file)) for file, _ in files])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.tensor([label for _, label in files])


@pytest.mark.slow
def test_the_weights_of_another_project_score_what_they_score_there(
    cifar10: Path, foreign_weights: Path
) -> None:
    """81.03 % of these JPEG files; the same weights have 91.73 % of the test set without the compression."""
    network = build("resnet20_cifar").eval()
    adapted = adapt(read_weights(foreign_weights / "resnet20-12fca82f.th"), network.spec)
    assert adapted.project == "pytorch_resnet_cifar10"
    network.load_state_dict(dict(adapted.state))
    mean, std = (torch.tensor(of)[:, None, None] for of in (adapted.mean, adapted.std))
    pixels, labels = pictures(cifar10 / "test")
    hits = 0
    with torch.inference_mode():
        for images, wanted in zip(pixels.split(500), labels.split(500), strict=True):
            hits += int((network((images / 255 - mean) / std).argmax(1) == wanted).sum())
    assert (hits, len(labels)) == (8_103, 10_000)


@pytest.mark.parametrize("depth", [20, 32])
def test_every_tensor_arrives_bit_for_bit(foreign_weights: Path, depth: int) -> None:
    (path,) = foreign_weights.glob(f"resnet{depth}-*.th")
    state, spec = read_weights(path), build(f"resnet{depth}_cifar").spec
    adapted = adapt(state, spec).state
    learned = {name: t for name, t in adapted.items() if not name.endswith("num_batches_tracked")}
    arrived = sorted(tensor.double().sum().item() for tensor in learned.values())
    assert arrived == sorted(tensor.double().sum().item() for tensor in state.values() if tensor.ndim)
    assert all(tensor.dtype == torch.float32 for tensor in learned.values())
