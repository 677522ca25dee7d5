"""Training for the claims that need a trained network: short, from a seed, with nothing to watch it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.look import Examples
from residua.optim import learning_rate, make_optimizer
from residua.optim.optimizer import Optimizer
from residua.types import Images

PATIENCE = 10.0
"""A loss of this many times the first one will not come back, and its last epochs need not be waited for."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a network is trained: He et al. 2015 where nothing else is said, on few pictures.

    Attributes:
        epochs: times that every picture is seen.
        batch: pictures a step; a last batch that is smaller is left out, so all have the same statistics.
        lr: the highest learning rate.
        warmup: share of the steps that lead up to it.
        kind: of optimiser.
        weight_decay: of kernels and matrices.
        shift: pixels by which a batch is moved at random, and then mirrored or not; 0 leaves pictures as they are.
    """

    epochs: int = 30
    batch: int = 128
    lr: float = 0.1
    warmup: float = 0.05
    kind: Optimizer = "sgd"
    weight_decay: float = 1e-4
    shift: int = 0


def usual_fit(size: int) -> Fit:
    """Return how pictures of a side are learned: those of the paper's size, 32 pixels, are also moved and mirrored.

    >>> usual_fit(8).shift, usual_fit(32).shift
    (0, 4)
    """
    return Fit() if size <= 16 else Fit(epochs=60, shift=size // 8)


def fit(
    model: nn.Module,
    examples: Examples,
    how: Fit,
    *,
    seed: int,
    after: Callable[[int], None] | None = None,
) -> tuple[float, ...]:
    """Train a model where its pictures are, and return the mean loss of each epoch.

    Pictures come in an order that depends on the seed alone. Once the loss is no number, or ten times the
    first, training ends there and the list is shorter.

    Args:
        model: it is trained in place, and left in evaluation mode.
        examples: pictures and labels, or pictures and masks.
        how: to train.
        seed: of the order and of the shifts.
        after: called after each epoch with its number, from 1; the model is in evaluation mode then.

    >>> from residua.lab.seeds import seeded
    >>> with seeded(0):
    ...     model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> examples = torch.eye(2)[:, :, None].expand(-1, -1, 2).repeat(8, 1, 1), torch.tensor([0, 1] * 8)
    >>> losses = fit(model, examples, Fit(epochs=20, batch=8, weight_decay=0), seed=0)
    >>> len(losses), losses[-1] < 0.1
    (20, True)
    """
    images, targets = examples
    steps = len(images) // how.batch
    optimizer = make_optimizer(model, kind=how.kind, lr=how.lr, momentum=0.9, weight_decay=how.weight_decay)
    generator = torch.Generator().manual_seed(seed)
    losses: list[float] = []
    for epoch in range(how.epochs):
        model.train()
        order = torch.randperm(len(images), generator=generator).to(images.device)
        total = torch.zeros((), device=images.device)
        for step in range(steps):
            rate = learning_rate(
                epoch * steps + step, steps=how.epochs * steps, peak=how.lr, warmup=how.warmup
            )
            for group in optimizer.param_groups:
                group["lr"] = rate
            chosen = order[step * how.batch : (step + 1) * how.batch]
            pictures = shifted(images[chosen], how.shift, generator) if how.shift else images[chosen]
            loss = F.cross_entropy(model(pictures), targets[chosen])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.detach()
        losses.append(total.item() / steps)
        model.eval()
        if after is not None:
            after(epoch + 1)
        if not math.isfinite(losses[-1]) or losses[-1] > PATIENCE * losses[0]:
            break
    return tuple(losses)


def shifted(images: Images, most: int, generator: torch.Generator) -> Images:
    """Return pictures moved by up to `most` pixels each way over their own mirrored edge, half of them mirrored.

    >>> shifted(torch.ones(2, 1, 8, 8), 1, torch.Generator()).shape
    torch.Size([2, 1, 8, 8])
    """
    side = images.shape[-1]
    padded = F.pad(images, [most] * 4, mode="reflect")
    # Drawn on the processor, so that a GPU sees the same shifts.
    down, right = torch.randint(2 * most + 1, (2, len(images), 1), generator=generator).to(images.device)
    flipped = (torch.rand(len(images), 1, generator=generator) < 0.5).to(images.device)
    places = torch.arange(side, device=images.device)
    rows, columns = places + down, torch.where(flipped, side - 1 - places, places) + right
    samples = torch.arange(len(images), device=images.device)
    # Indexing puts the channels last.
    moved = padded[samples[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous()


@torch.no_grad()
def error(model: nn.Module, examples: Examples, *, batch: int = 2048) -> float:
    """Return the share of pictures whose label the model misses, in percent, in the mode that it is in.

    >>> error(nn.Identity(), (torch.eye(2), torch.tensor([0, 0])))
    50.0
    """
    images, labels = examples
    pairs = zip(torch.split(images, batch), torch.split(labels, batch), strict=True)
    wrong: Tensor = sum((model(some).argmax(1) != those).sum() for some, those in pairs)
    return 100 * wrong.item() / len(labels)
