"""How large the two legs of a join are: what the branch changes, beside what the shortcut carries."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor, nn

from residua.look.untouched import untouched
from residua.parts import joins


@final
@dataclass(frozen=True, slots=True)
class LegRow:
    """What the two legs of one join bring to it.

    Attributes:
        position: 0 for the first join that the model defines.
        name: of the join.
        kind: its class.
        carried: Euclidean norm, over the whole batch, of what the shortcut brings.
        learned: the same of what the branch brings.
    """

    position: int
    name: str
    kind: str
    carried: float
    learned: float

    @property
    def ratio(self) -> float:
        """What is learned over what is carried; infinite beside a shortcut that brings nothing."""
        return self.learned / self.carried if self.carried else float("inf")


def leg_sizes(model: nn.Module, inputs: Tensor) -> tuple[LegRow, ...]:
    """Run a batch through a model and measure what the legs of each join bring.

    Args:
        model: made of parts, in the mode that it is in; it is left as it was.
        inputs: a batch, samples first.

    >>> from residua.look import Scaled
    >>> from residua.parts import Sum
    >>> model = nn.Sequential(Sum(Scaled(nn.Identity(), 0.5)))
    >>> [(row.carried, row.learned, row.ratio) for row in leg_sizes(model, torch.ones(1, 4))]
    [(2.0, 1.0, 0.5)]
    """
    sizes: dict[str, float] = {}

    def measure(leg: str, _: nn.Module, __: object, output: Tensor) -> None:
        # In double precision: a sum of many squares needs it.
        sizes[leg] = output.double().norm().item()

    forks = list(joins(model))
    with untouched(model), torch.no_grad(), ExitStack() as hooks:
        for name, fork in forks:
            for leg, part in (("shortcut", fork.shortcut), ("branch", fork.branch)):
                handle = part.register_forward_hook(partial(measure, f"{name}.{leg}"))
                hooks.callback(handle.remove)
        model(inputs)
    return tuple(
        LegRow(position, name, type(fork).__name__, sizes[f"{name}.shortcut"], sizes[f"{name}.branch"])
        for position, (name, fork) in enumerate(forks)
    )
