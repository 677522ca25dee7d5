"""How much of the gradient comes by the shortcuts."""

from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.look.examples import Examples, Loss, differentiable
from residua.look.rewire import Wrapper, rewired
from residua.look.untouched import untouched
from residua.look.wrappers import NoGradient
from residua.parts import Part, joins


@final
@dataclass(frozen=True, slots=True)
class IdentityRow:
    """The gradient that arrives at the input of one join, and the way it came.

    A share is the part of the whole gradient along itself, so the shares of the two legs add up to 1; one leg
    may have more than 1 where the other works against it.

    Attributes:
        position: 0 for the first join that the model defines.
        name: of the join.
        norm: of the whole gradient there.
        by_shortcut: share that comes through this join's shortcut, whatever way it came before.
        direct: share that comes from the end by shortcuts alone, through no branch at all.
    """

    position: int
    name: str
    norm: float
    by_shortcut: float
    direct: float


def identity_share(
    model: nn.Module, examples: Examples, *, loss: Loss = F.cross_entropy
) -> tuple[IdentityRow, ...]:
    """Measure, at each join, what share of the gradient comes by its shortcut and by shortcuts alone.

    Args:
        model: made of parts, in the mode that it is in; it is left as it was.
        examples: inputs and targets.
        loss: from outputs and targets to one number.

    >>> from residua.parts import Sum
    >>> model = nn.Sequential(Sum(nn.Linear(2, 2)))
    >>> nn.init.zeros_(model[0].branch.weight)[0, 0].item()
    0.0
    >>> [row.by_shortcut for row in identity_share(model, (torch.ones(1, 2), torch.tensor([0])))]
    [1.0]
    """
    names = [name for name, _ in joins(model)]
    legs = [f"{name}.{leg}" for name in names for leg in ("shortcut", "branch")]
    whole = tapped(model, examples, loss, legs, edits={})
    alone = tapped(
        model,
        examples,
        loss,
        [f"{name}.shortcut" for name in names],
        edits=dict.fromkeys(names, NoGradient),
    )
    rows = []
    for position, name in enumerate(names):
        carried, learned = whole[f"{name}.shortcut"], whole[f"{name}.branch"]
        total = carried + learned
        square = total.square().sum()
        by_shortcut, direct = ((part * total).sum() / square for part in (carried, alone[f"{name}.shortcut"]))
        rows.append(IdentityRow(position, name, square.sqrt().item(), by_shortcut.item(), direct.item()))
    return tuple(rows)


def tapped(
    model: nn.Module, examples: Examples, loss: Loss, legs: list[str], *, edits: dict[str, Wrapper]
) -> dict[str, Tensor]:
    """Return the gradient that each leg sends to its input, while `edits` are in place."""
    inputs, targets = examples
    with untouched(model), torch.enable_grad(), rewired(model, edits | dict.fromkeys(legs, Tapped)):
        taps = {leg: model.get_submodule(leg) for leg in legs}
        torch.autograd.backward(loss(model(differentiable(inputs)), targets))
        return {leg: tap.gradient for leg, tap in taps.items() if isinstance(tap, Tapped)}


@final
class Tapped(Part):
    """Give the same, and keep the gradient that comes back through this leg alone."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part
        self.gradient = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        own = x.view_as(x)  # a value of its own: the input's gradient would hold the other leg's as well
        own.register_hook(self.keep)  # type: ignore[no-untyped-call]
        return self.part(own)  # type: ignore[no-any-return]  # torch types a call as Any

    def keep(self, gradient: Tensor) -> None:
        """Keep one gradient, in double precision for the products to come."""
        self.gradient = gradient.detach().double()
