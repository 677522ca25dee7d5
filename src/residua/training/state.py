"""All that changes while a network trains, in one place, so that nothing is forgotten when it is saved."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

import msgspec
import torch
from torch import Tensor, nn

from residua.optim import Average
from residua.training.distributed import like, whole
from residua.training.seed import random_states, set_random_states


class Progress(msgspec.Struct):
    """Where a training is; plain numbers.

    Attributes:
        step: optimiser steps done.
        epoch: the current one, from 1.
        batch: batches of it that are done.
        loss, right, counted, seen: sums over the epoch so far: of the right answers, of those that can be right or
            wrong (pictures, or their pixels), and of the pictures.
        seconds: spent in the epoch so far.
        skipped: bad batches of the epoch that were skipped.
        best, best_epoch: the best validation score, and when.
        done: nothing is left to do.
    """

    step: int = 0
    epoch: int = 1
    batch: int = 0
    loss: float = 0.0
    right: int = 0
    counted: int = 0
    seen: int = 0
    seconds: float = 0.0
    best: float = -1.0
    best_epoch: int = 0
    done: bool = False
    skipped: int = 0


@final
@dataclass(slots=True)
class State:
    """Model, average, optimiser and progress."""

    model: nn.Module
    average: Average
    optimizer: torch.optim.Optimizer
    progress: Progress = field(default_factory=Progress)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Give everything but the progress as named tensors, random states too.

        Where the network is divided among processes each tensor is whole when it is given, and all must ask at once.
        """
        for name, tensor in self.model.state_dict().items():
            yield f"model/{name}", whole(tensor)
        for name, tensor in self.average.weights.items():
            yield f"average/{name}", whole(tensor)
        for index, values in self.optimizer.state_dict()["state"].items():
            for name, value in values.items():
                if value is not None:
                    yield f"optimizer/{index}/{name}", whole(torch.as_tensor(value))
        for name, tensor in random_states().items():
            yield f"random/{name}", tensor

    def load(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Take back what `tensors` gave."""
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimizer": {}, "random": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor
        own = self.model.state_dict()
        self.model.load_state_dict({name: like(tensor, own[name]) for name, tensor in parts["model"].items()})
        self.average.load({name: like(tensor, own[name]) for name, tensor in parts["average"].items()})
        learned = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimizer"].items():
            index, _, key = name.partition("/")
            moments.setdefault(int(index), {})[key] = like(tensor, learned[int(index)])
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        set_random_states(parts["random"])
        self.progress = progress
