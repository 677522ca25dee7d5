"""A running average of the weights, which usually tests better than the last of them."""

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor, nn


@final
class Average:
    """The exponential moving average of a model's weights and buffers (Polyak & Juditsky 1992).

    The first steps weigh more, so that a short training is not averaged with its random start:
    the decay is the smaller of `decay` and (1 + n) / (10 + n) at step n.

    Args:
        model: whose weights are averaged.
        decay: of the average in the long run; 0 keeps the last weights.

    >>> from torch import nn
    >>> average = Average(nn.Linear(1, 1), decay=0.999)
    >>> sorted(average.weights)
    ['bias', 'weight']
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the average towards the weights after step `step` (counted from 1)."""
        keep = min(self.decay, (1 + step) / (10 + step)) if self.decay else 0.0
        # By kind: of a network that is divided among processes the buffers are whole all the same.
        moving: dict[type[Tensor], tuple[list[Tensor], list[Tensor]]] = {}
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                averaged, current = moving.setdefault(type(tensor), ([], []))
                averaged.append(self.weights[name])
                current.append(tensor)
            else:
                self.weights[name].copy_(tensor)
        for averaged, current in moving.values():
            torch._foreach_lerp_(averaged, current, 1 - keep)

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take the average from a checkpoint."""
        for name, tensor in weights.items():
            self.weights[name].copy_(tensor)
