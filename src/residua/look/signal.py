"""How large the signal is after each part, on its way forward."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor, nn

from residua.look.untouched import untouched
from residua.parts import Join


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
    rows: list[Signal] = []

    def measure(name: str, module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor) and output.is_floating_point():
            rows.append(row(len(rows), name, module, output))

    with untouched(model), torch.no_grad(), ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, only) if only else measured(module):
                handle = module.register_forward_hook(partial(measure, name))
                hooks.callback(handle.remove)
        model(inputs)
    return tuple(rows)


def measured(module: nn.Module) -> bool:
    """Return whether a module is worth a row: a fork, or one that computes something itself."""
    return isinstance(module, Join) or next(module.children(), None) is None


def row(position: int, name: str, module: nn.Module, output: Tensor) -> Signal:
    """Return the row of one output, measured in double precision: a sum of many squares needs it."""
    values = output.detach().double()
    return Signal(
        position=position,
        name=name,
        kind=type(module).__name__,
        second_moment=values.square().mean().item(),
        unit_variance=values.var(dim=0, correction=min(1, len(values) - 1)).mean().item(),
        zeros=(values == 0).double().mean().item(),
    )
