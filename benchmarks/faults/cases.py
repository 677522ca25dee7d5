"""What a fault is planted in: a network that is well, its pictures, its loss, its optimiser and its loop.

The networks are those of the zoo, in plain PyTorch or from torchvision and timm, with what is known to train drawn
for them; nothing of Residua's own is examined here.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.zoo.draw import FAMILIES, Drawn, Family
from benchmarks.zoo.networks import build
from benchmarks.zoo.pictures import Kind, score
from residua.exam import Watch, watch

MOST_STEPS = 400
"""For batches so small that an epoch would be long."""

Loss = Callable[[Tensor, Tensor], Tensor]


@final
@dataclass(slots=True)
class Case:
    """One training as somebody might have written it; a fault changes a field or the model."""

    family: Family
    seed: int
    drawn: Drawn
    model: nn.Module
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    loss: Loss = F.cross_entropy
    adam: bool = False
    lr: float = 0.05
    momentum: float = 0.9
    decay: float = 1e-4
    batch: int = 64
    clears: bool = True
    evaluating: bool = False
    schedule: Callable[[float], float] = field(default=lambda done: 0.5 * (1 + math.cos(math.pi * done)))
    moved: Callable[[nn.Module], list[nn.Parameter]] = field(default=lambda model: list(model.parameters()))

    @property
    def steps(self) -> int:
        """That its training takes."""
        return min(MOST_STEPS, self.drawn.on.epochs * (len(self.train[0]) // self.batch))

    def optimizer(self) -> torch.optim.Optimizer:
        """Return the optimiser of the case, for its model."""
        if self.adam:
            return torch.optim.AdamW(
                self.moved(self.model),
                lr=self.lr,
                betas=(min(self.momentum, 0.999999), 0.999),
                weight_decay=self.decay,
            )
        optimizer = torch.optim.SGD(self.moved(self.model), lr=self.lr, weight_decay=self.decay)
        for group in optimizer.param_groups:
            group["momentum"] = self.momentum  # SGD itself refuses none that is wrong once it is made
        return optimizer


def healthy(family: Family, seed: int, *, norm: str | None = None, activation: str | None = None) -> Case:
    """Return a case without a fault.

    Args:
        family: of the network.
        seed: of everything that is drawn.
        norm: another than the usual one of the family.
        activation: another than the one that is drawn.
    """
    dice = random.Random(f"{family} {seed}")
    low, high = DEPTHS.get(family, (6, 18))
    package = family in ("torchvision", "timm")
    usual = "own" if package else "layer" if family in ("transformer", "convnext") else "batch"
    drawn = Drawn(
        number=1_000_000 + 10 * seed + FAMILIES.index(family),
        family=family,
        depth=dice.randint(low, high),
        norm=norm or usual,
        activation=activation or ("own" if package else dice.choice(["relu", "relu", "gelu", "silu"])),
        start="default" if package else dice.choice(["default", "he"]),
        zero=False,
        pictures=SHOWN.get(family, "digits"),
    )
    adam = package or family in ("transformer", "convnext", "unet") or dice.random() < 0.3
    return Case(
        family=family,
        seed=seed,
        drawn=drawn,
        model=build(drawn),
        train=drawn.on.read(),
        test=drawn.on.test(),
        adam=adam,
        lr=3e-3 if adam else 0.05,
        decay=1e-2 if adam else 1e-4,
        batch=drawn.on.batch,
    )


DEPTHS: dict[Family, tuple[int, int]] = {
    "mlp": (2, 5),
    "transformer": (2, 4),
    "convnext": (2, 4),
    "plain": (4, 8),
    "unet": (5, 10),
}
SHOWN: dict[Family, Kind] = {"unet": "scenes", "torchvision": "digits32", "timm": "digits32"}


def trained(case: Case) -> tuple[float, Watch]:
    """Train the case as it stands, and return how far it came on the test pictures and what was seen on the way."""
    optimizer = case.optimizer()
    images, targets = case.train
    generator = torch.Generator().manual_seed(case.seed)
    steps = case.steps
    case.model.train(not case.evaluating)
    with watch(case.model, optimizer) as seen:
        order = torch.randperm(len(images), generator=generator)
        for step in range(steps):
            start = step * case.batch % (len(images) - case.batch + 1)
            chosen = order[start : start + case.batch]
            for group in optimizer.param_groups:
                group["lr"] = case.lr * case.schedule(step / steps)
            value = case.loss(case.model(images[chosen]), targets[chosen])
            if not math.isfinite(value.item()) or not value.requires_grad:
                break
            if case.clears:
                optimizer.zero_grad()
            value.backward()
            optimizer.step()
    return case.drawn.on.progress(score(case.model, (case.test[0], case.drawn.on.test()[1]))), seen
