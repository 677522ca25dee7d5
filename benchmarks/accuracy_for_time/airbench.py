"""The network and the recipe of airbench94, written for the CPU from its paper.

Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (arXiv:2404.00498). All that the paper names is here: a
first layer that whitens 2 × 2 patches and is frozen, kernels begun as the identity (Dirac), biases of norms at 64 times
the learning rate, GELU, label smoothing of 0.2, flips that alternate, moves by up to 2 pixels, batches of 1,024, SGD
with Nesterov momentum, a learning rate that is a triangle, and Lookahead every 5 steps. Nothing else is tuned.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.accuracy_for_time.training import Training
from benchmarks.accuracy_for_time.varying import moved

WIDTHS: Final = {"full": (64, 256, 256), "narrow": (32, 128, 128)}
BATCH: Final = 1024
LEARNING_RATE, MOMENTUM, DECAY = 11.5, 0.85, 0.0153
"""Of 1,024 pictures, as the paper counts them: the gradient is that of the sum over a batch."""
SCALE: Final = BATCH * (1 + 1 / (1 - MOMENTUM))
BIASES: Final = 64
SMOOTHING: Final = 0.2
WHITENING_BIAS_EPOCHS: Final = 3
LOOKAHEAD: Final = 5
PATCHES_OF: Final = 5_000


class Group(nn.Module):
    """Two convolutions, with a pooling after the first; norms have a bias and no scale."""

    def __init__(self, carried: int, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = kept_size(carried, width), kept_size(width, width)
        self.norm1, self.norm2 = norm(width), norm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the group's output, half as large."""
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class Airbench(nn.Module):
    """A layer that whitens, three groups, and a linear layer without bias whose answer is divided by 9."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad_(False)
        nn.init.zeros_(self.whiten.bias)
        self.groups = nn.Sequential(*map(Group, (24, *widths), widths))
        self.linear = nn.Linear(widths[-1], 10, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        x = self.groups(F.gelu(self.whiten(images)))
        return self.linear(F.max_pool2d(x, 3).flatten(1)) / 9


def kept_size(carried: int, width: int) -> nn.Conv2d:
    """Return a 3 × 3 convolution whose first outputs are its inputs."""
    conv = nn.Conv2d(carried, width, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[:carried])
    return conv


def norm(width: int) -> nn.BatchNorm2d:
    """Return a batch norm with a bias alone, and statistics that follow quickly."""
    made = nn.BatchNorm2d(width, eps=1e-12, momentum=0.4)
    made.weight.requires_grad_(False)
    return made


def whiten(layer: nn.Conv2d, images: Tensor) -> None:
    """Set a layer to the scaled eigenvectors of the patches of some images, and their negatives."""
    patches = F.unfold(images, 2).transpose(1, 2).reshape(-1, 12)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    scaled = (vectors / (values + 5e-4).sqrt()).T.flip(0).reshape(12, 3, 2, 2)
    layer.weight.data.copy_(torch.cat([scaled, -scaled]))


def triangle(step: int, steps: int) -> float:
    """Return the share of the learning rate at a step: from 0.2 up to 1 at 23 % of all steps, and down to 0.07."""
    return float(np.interp(step / steps, [0, 0.23, 1], [0.2, 1, 0.07]))


@final
@dataclass
class Lookahead:
    """An average that the weights are set to every few steps."""

    average: dict[str, Tensor]

    def update(self, model: nn.Module, decay: float) -> None:
        """Move the average towards the weights, and the weights onto the average."""
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                self.average[name].lerp_(tensor, 1 - decay)
                tensor.copy_(self.average[name])


@final
class AirbenchTraining(Training):
    """The recipe, for so many epochs; the paper's own is 9.9 of them.

    Args:
        pictures: uint8, N × 32 × 32 × 3.
        labels: of the pictures.
        epochs: passes over them.
        seed: of all that is random.
        width: "full" or "narrow".
    """

    def __init__(self, pictures: np.ndarray, labels: Tensor, *, epochs: int, seed: int, width: str) -> None:
        super().__init__(pictures, labels, epochs=epochs, seed=seed)
        self.model = Airbench(WIDTHS[width])
        self.batch = BATCH
        few = self.random.permutation(len(pictures))[:PATCHES_OF]
        whiten(self.model.whiten, self.normalise(pictures[few]))
        learned = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
        biases = [p for n, p in learned if ".norm" in n]
        rest = [p for n, p in learned if ".norm" not in n]
        lr, decay = LEARNING_RATE / SCALE, DECAY * BATCH / SCALE
        self.optimizer = torch.optim.SGD(
            [
                {"params": biases, "lr": lr * BIASES, "weight_decay": decay / (lr * BIASES)},
                {"params": rest, "lr": lr, "weight_decay": decay / lr},
            ],
            momentum=MOMENTUM,
            nesterov=True,
        )
        self.peaks = [group["lr"] for group in self.optimizer.param_groups]
        self.lookahead = Lookahead({name: t.clone() for name, t in self.model.state_dict().items()})

    def varied(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give the places and the pixels of each batch: moved, and mirrored in every other epoch."""
        order = self.random.permutation(len(self.pictures))
        mirrored = self.sides ^ bool(epoch % 2)
        for rows in np.split(order[: len(order) // BATCH * BATCH], len(order) // BATCH):
            yield (
                rows,
                moved(self.pictures[rows], self.random, most=2, mirrored=mirrored[rows], edge="reflect"),
            )

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the sum over the batch of the smoothed cross-entropy."""
        return F.cross_entropy(logits, targets, label_smoothing=SMOOTHING, reduction="sum")

    def before(self, step: int, epoch: int) -> None:
        """Set the learning rates of a step, and let go of the whitening layer's bias after some epochs."""
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * triangle(step, self.steps)
        self.model.whiten.bias.requires_grad_(epoch < WHITENING_BIAS_EPOCHS)

    def after(self, step: int) -> None:
        """Look ahead, and at the end take the weights of the average."""
        if step == self.steps:
            self.lookahead.update(self.model, decay=1.0)
        elif step % LOOKAHEAD == 0:
            self.lookahead.update(self.model, decay=0.95**5 * (step / self.steps) ** 3)
