"""How large the signal is after each part, on its way forward."""

import math
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor, nn

from residua.look.visit import visit

SURE: Final = (1e-30, 1e30)
"""Means of squares between these are right in float32; what lies beyond is brought to 1 before it is squared."""


@final
@dataclass(frozen=True, slots=True)
class Signal:
    """What left one part, in the order of the run.

    Attributes:
        position: 0 for the first part that ran.
        name: of the part in the model.
        kind: its class.
        second_moment: mean square over everything.
        unit_variance: variance over the batch of each unit, averaged; a unit is one number of one sample. It
            is unbiased, so that small batches and large ones agree; 0 for a batch of one.
        zeros: share of exact zeros, as a ReLU makes them.
    """

    position: int
    name: str
    kind: str
    second_moment: float
    unit_variance: float
    zeros: float


def signal(model: nn.Module, inputs: Tensor, *, only: type[nn.Module] | None = None) -> tuple[Signal, ...]:
    """Run a batch through any model and measure what leaves each layer and each join.

    The model runs in the mode that it is in: a batch norm in training mode uses the batch.

    Args:
        model: any module; it is left as it was.
        inputs: a batch, samples first.
        only: measure parts of this class alone, such as `Join`; without it the joins and every module that
            holds no other.

    >>> rows = signal(nn.Sequential(nn.ReLU()), torch.tensor([[-1.0, 2.0]]))
    >>> [(row.name, row.second_moment) for row in rows]
    [('0', 2.0)]
    """
    return visit(model, inputs, signal_row, only=only)


def signal_row(position: int, name: str, module: nn.Module, output: Tensor) -> Signal:
    """Return the row of one output."""
    return Signal(
        position=position,
        name=name,
        kind=type(module).__name__,
        second_moment=mean_square(output),
        unit_variance=unit_variance(output),
        zeros=1 - torch.count_nonzero(output).item() / max(1, output.numel()),
    )


def mean_square(values: Tensor) -> float:
    """Return the mean of the squares, also of values whose squares are no numbers of their own precision.

    >>> mean_square(torch.tensor([2e-30, 4e-30])) < 1.1e-59, mean_square(torch.tensor([math.inf]))
    (True, inf)
    """
    if not values.numel():
        return 0.0
    values = values if values.dtype == torch.float64 else values.float()
    plain = values.square().mean().item()
    if SURE[0] < plain < SURE[1]:
        return plain
    least, most = torch.aminmax(values)
    largest = torch.maximum(-least, most).item()
    if not largest or not math.isfinite(largest):
        return largest * largest
    return (values / largest).square().mean().item() * largest**2


def unit_variance(values: Tensor) -> float:
    """Return the unbiased variance over the batch of each unit, averaged; 0 for a batch of one."""
    count = len(values)
    if count < 2:
        return 0.0
    return mean_square(values - values.mean(0)) * count / (count - 1)
