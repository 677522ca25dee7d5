"""The recipe of akamaster's pytorch_resnet_cifar10 for He's ResNet-20, in the shape that its README documents.

SGD with momentum of 0.9 and weight decay of 1e-4, batches of 128, a learning rate of 0.1 that falls to a tenth at half
and at three quarters of the epochs (100 and 150 of 200), crops of pictures with 4 black pixels around them, and
mirrored halves. The mean and the deviation are those of ImageNet, as there.
"""

from collections.abc import Iterator
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.accuracy_for_time.training import Training
from benchmarks.accuracy_for_time.varying import moved
from benchmarks.speed.peers import CifarResNet

BATCH = 128
LEARNING_RATE = 0.1


@final
class ResNet20Training(Training):
    """The recipe, for so many epochs; its own is 200 of them.

    Args:
        pictures: uint8, N × 32 × 32 × 3.
        labels: of the pictures.
        epochs: passes over them.
        seed: of all that is random.
    """

    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    def __init__(self, pictures: np.ndarray, labels: Tensor, *, epochs: int, seed: int) -> None:
        super().__init__(pictures, labels, epochs=epochs, seed=seed)
        self.model = CifarResNet(20)
        for module in self.model.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                torch.nn.init.kaiming_normal_(module.weight)
        self.batch = BATCH
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=LEARNING_RATE, momentum=0.9, weight_decay=1e-4
        )

    def varied(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give the places and the pixels of each batch: moved, and half of them mirrored."""
        order = self.random.permutation(len(self.pictures))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            mirrored = self.random.random(len(rows)) < 0.5
            yield rows, moved(self.pictures[rows], self.random, most=4, mirrored=mirrored, edge="constant")

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy."""
        return F.cross_entropy(logits, targets)

    def before(self, step: int, epoch: int) -> None:
        """Set the learning rate of a step."""
        passed = sum(step >= share * self.steps for share in (0.5, 0.75))
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE / 10**passed

    def after(self, step: int) -> None:
        """Do nothing: the weights are used as they are."""
