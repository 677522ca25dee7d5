"""What the peers' trainings share: steps over pictures in memory, timed with the work on the data and nothing else."""

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

TRIED = 3
"""Steps on a quarter of a batch in which float32 and bfloat16 are compared; the first of them only warms up."""


@final
@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a training took: its wall clock and its processors' seconds, and the type that its convolutions had."""

    seconds: float
    cpu: float
    dtype: str


class Training(ABC):
    """A recipe of a peer: its network, its batches, and what it does before and after a step."""

    mean: ClassVar[tuple[float, ...]] = (0.4914, 0.4822, 0.4465)
    std: ClassVar[tuple[float, ...]] = (0.2470, 0.2435, 0.2616)
    model: nn.Module
    optimizer: torch.optim.Optimizer
    batch: int

    def __init__(self, pictures: np.ndarray, labels: Tensor, *, epochs: int, seed: int) -> None:
        torch.manual_seed(seed)
        self.pictures, self.labels, self.epochs = pictures, labels, epochs
        self.random = np.random.default_rng(seed)
        self.sides = self.random.random(len(pictures)) < 0.5
        """Which pictures are mirrored first, for recipes that mirror the others next."""

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.epochs * (len(self.pictures) // self.batch)

    @abstractmethod
    def varied(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give the places and the pixels of each batch of an epoch."""

    @abstractmethod
    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return what is minimised."""

    @abstractmethod
    def before(self, step: int, epoch: int) -> None:
        """Prepare step `step`, counted from 0."""

    @abstractmethod
    def after(self, step: int) -> None:
        """Close a step; `step` are done."""

    def normalise(self, pixels: np.ndarray) -> Tensor:
        """Return pictures as a network takes them, channels last in memory."""
        scale = 1 / (255 * torch.tensor(self.std))
        shift = -torch.tensor(self.mean) / torch.tensor(self.std)
        return (torch.from_numpy(pixels).float() * scale + shift).permute(0, 3, 1, 2)

    def gradient(self, pixels: np.ndarray, targets: Tensor, *, model: nn.Module, dtype: torch.dtype) -> None:
        """Run a batch forward and backward."""
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            logits = model(self.normalise(pixels))
        model.zero_grad()
        torch.autograd.backward(self.loss(logits.float(), targets))

    def faster(self) -> torch.dtype:
        """Return the type in which a step is faster here, measured on a copy."""
        rows = np.arange(self.batch // 4)
        taken = {}
        for dtype in (torch.float32, torch.bfloat16):
            trial = copy.deepcopy(self.model).train()
            seconds = []
            for _ in range(TRIED):
                began = time.process_time()
                self.gradient(self.pictures[rows], self.labels[rows], model=trial, dtype=dtype)
                seconds.append(time.process_time() - began)
            taken[dtype] = min(seconds[1:])
        return min(taken, key=lambda dtype: taken[dtype])

    def run(self) -> Spent:
        """Train to the end; what it took counts from the first batch to the last step."""
        self.model = self.model.to(memory_format=torch.channels_last).train()
        dtype = self.faster()
        began, cpu = time.monotonic(), time.process_time()
        step, epoch = 0, 0
        while step < self.steps:
            for rows, pixels in self.varied(epoch):
                self.before(step, epoch)
                self.gradient(pixels, self.labels[rows], model=self.model, dtype=dtype)
                self.optimizer.step()
                step += 1
                self.after(step)
                if step == self.steps:
                    break
            epoch += 1
        return Spent(
            seconds=time.monotonic() - began,
            cpu=time.process_time() - cpu,
            dtype=str(dtype).removeprefix("torch."),
        )
