"""The optimiser, with weight decay where it belongs."""

from typing import Literal, assert_never

import torch
from torch import nn

Optimizer = Literal["sgd", "adamw"]


def split_groups(model: nn.Module, *, weight_decay: float) -> list[dict[str, object]]:
    """Return two groups of parameters: kernels and matrices decay, biases, norms and scales do not.

    >>> from torch import nn
    >>> [len(group["params"]) for group in split_groups(nn.Linear(2, 2), weight_decay=0.1)]
    [1, 1]
    """
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]


def make_optimizer(
    model: nn.Module, *, kind: Optimizer, lr: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Return SGD with Nesterov momentum, or AdamW (Loshchilov & Hutter 2017, arXiv:1711.05101).

    Args:
        model: whose parameters it moves.
        kind: of optimiser.
        lr: learning rate to start with.
        momentum: of SGD; the first beta of AdamW.
        weight_decay: of kernels and matrices.
    """
    groups = split_groups(model, weight_decay=weight_decay)
    match kind:
        case "sgd":
            return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=momentum > 0)
        case "adamw":
            return torch.optim.AdamW(groups, lr=lr, betas=(momentum, 0.999))
        case _:
            assert_never(kind)
