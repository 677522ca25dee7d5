"""Optimisers that share the weights of a model, seen as one."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, final

import torch
from torch import Tensor

from residua.errors import BadInput

Moving = torch.optim.Optimizer | list[torch.optim.Optimizer] | tuple[torch.optim.Optimizer, ...]
"""What moves a model: an optimiser, or several with a part of its weights each."""


@final
class Several(torch.optim.Optimizer):
    """Take the steps of all, one after another; their groups are its own.

    Args:
        members: with different weights each.

    >>> kernel, bias = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    >>> both = Several([torch.optim.SGD([kernel], lr=1.0), torch.optim.SGD([bias], lr=0.5)])
    >>> (kernel.sum() + bias.sum()).backward()
    >>> both.step()
    >>> kernel.sum().item(), bias.sum().item(), [group["lr"] for group in both.param_groups]
    (0.0, 1.0, [1.0, 0.5])
    """

    def __init__(self, members: list[torch.optim.Optimizer] | tuple[torch.optim.Optimizer, ...]) -> None:
        self.members: tuple[torch.optim.Optimizer, ...] = ()
        super().__init__([group for member in members for group in member.param_groups], {})
        self.members = tuple(members)

    def step(self, closure: Any = None) -> Tensor | None:  # type: ignore[override]
        """Take a step of each."""
        for member in self.members:
            member.step(closure)
        return None

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Give a group to the last of them, by custom the one for all that the others do not take."""
        if self.members:
            self.members[-1].add_param_group(param_group)
            param_group = self.members[-1].param_groups[-1]
        super().add_param_group(param_group)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"members": self.members}


def as_one(optimizer: Moving | None) -> torch.optim.Optimizer | None:
    """Return one optimiser for what may be several.

    Raises:
        BadInput: two of them move the same weight; one is none, or searches along a line for all weights at once.

    >>> as_one(()) is None
    True
    """
    if not isinstance(optimizer, list | tuple):  # a wrapper need not be an optimiser by its class
        return optimizer
    members = tuple(optimizer)
    for member in members:
        if not isinstance(member, torch.optim.Optimizer):
            raise BadInput(f"among the optimisers is a {type(member).__name__}; give optimisers alone")
    if len(members) < 2:
        return members[0] if members else None
    if any(isinstance(member, torch.optim.LBFGS) for member in members):
        raise BadInput("LBFGS searches along a line for all weights at once; give it alone")
    weights = [p for member in members for group in member.param_groups for p in group["params"]]
    if len({id(weight) for weight in weights}) < len(weights):
        raise BadInput("two of the optimisers move the same weight; give each weight to one of them")
    return Several(members)


def kind_of(optimizer: torch.optim.Optimizer) -> str:
    """Return what an optimiser is called.

    >>> weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    >>> kind_of(Several([torch.optim.SGD(weights[:1]), torch.optim.AdamW(weights[1:])]))
    'SGD and AdamW'
    """
    if isinstance(optimizer, Several):
        return " and ".join(dict.fromkeys(kind_of(member) for member in optimizer.members))
    return type(optimizer).__name__


@final
class Steps:
    """One step of several optimisers: it begins with the first of them and ends when each has taken its own.

    An optimiser that steps again before, since another rests, ends it too.

    Args:
        members: optimisers, which may step in any order.
        begins: called before the first of them steps, with what its `step` is given.
        ends: called after the last of them has.
    """

    def __init__(
        self, members: Sequence[torch.optim.Optimizer], begins: Callable[..., None], ends: Callable[..., None]
    ) -> None:
        self.members, self.begins, self.ends = members, begins, ends
        self.taken: set[int] = set()

    def before(self, member: torch.optim.Optimizer, *given: Any) -> None:
        """Begin a step, if none has begun."""
        if id(member) in self.taken:
            self.over(member)
        if not self.taken:
            self.begins(member, *given)

    def after(self, member: torch.optim.Optimizer, *_: Any) -> None:
        """End the step, if each has taken its own."""
        self.taken.add(id(member))
        if len(self.taken) == len(self.members):
            self.over(member)

    def over(self, member: torch.optim.Optimizer) -> None:
        """End the step."""
        self.taken.clear()
        self.ends(member)


def follow(
    optimizer: torch.optim.Optimizer, begins: Callable[..., None], ends: Callable[..., None]
) -> Callable[[], None]:
    """Call something before and after each step of an optimiser, or of all of several, and return what ends that.

    >>> weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    >>> one, other = (torch.optim.SGD([weight], lr=0.1) for weight in weights)
    >>> leave = follow(Several([one, other]), lambda *_: print("begins"), lambda *_: print("ends"))
    >>> other.step()
    begins
    >>> one.step()
    ends
    >>> leave()
    """
    members = optimizer.members if isinstance(optimizer, Several) else (optimizer,)
    steps = Steps(members, begins, ends)
    hooks = ExitStack()
    for member in members:
        hooks.callback(member.register_step_pre_hook(steps.before).remove)
        hooks.callback(member.register_step_post_hook(steps.after).remove)
    return hooks.close
