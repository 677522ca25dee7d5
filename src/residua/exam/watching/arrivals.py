"""What has come to a few gradients since the last step, beside what is in them: the rest was never cleared away."""

from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from typing import Final, final

import torch
from torch import Tensor, nn

FEW: Final = 4
"""Weights that are followed, the smallest: whoever clears one gradient clears all of them."""
ALIKE: Final = 0.999
"""Cosine from which on two gradients are the same but for their length, which clipping and scaling change."""
APART: Final = 0.99
LONGER: Final = 1.02


@final
class Arrivals:
    """The gradients that came since the last step, and those that the last step has used.

    Args:
        weights: of which the smallest are followed.

    >>> weight = nn.Parameter(torch.ones(3))
    >>> arrivals = Arrivals([weight])
    >>> for _ in range(2):
    ...     (weight * torch.arange(3.0)).sum().backward()
    ...     found = arrivals.left_over()
    ...     arrivals.used()
    >>> found
    True
    """

    def __init__(self, weights: Iterable[nn.Parameter]) -> None:
        learning = [weight for weight in weights if weight.requires_grad and weight.is_floating_point()]
        self.weights = sorted(learning, key=lambda weight: weight.numel())[:FEW]
        self.came: dict[int, Tensor] = {}
        self.old: dict[int, Tensor] = {}
        self.hooks = ExitStack()
        for place, weight in enumerate(self.weights):
            handle = weight.register_hook(partial(self.comes, place))  # type: ignore[no-untyped-call]
            self.hooks.callback(handle.remove)

    def comes(self, place: int, gradient: Tensor) -> None:
        """Add up what comes to one of them."""
        if not gradient.is_sparse:
            known = self.came.get(place)
            self.came[place] = gradient.detach().clone() if known is None else known.add_(gradient.detach())

    def left_over(self) -> bool:
        """Return whether the gradients are what came and what the last step had used, one added to the other."""
        rows = [
            (self.old[place].flatten(), self.came[place].flatten(), weight.grad.detach().flatten())
            for place, weight in enumerate(self.weights)
            if weight.grad is not None and place in self.old and place in self.came
        ]
        if not rows:
            return False
        old, came, now = (torch.cat(some).double() for some in zip(*rows, strict=True))
        longer = now.norm() > LONGER * came.norm()
        return cosine(now, old + came) > ALIKE and bool(longer or cosine(now, came) < APART)

    def used(self) -> None:
        """Note that a step has used the gradients."""
        self.came = {}
        self.old = {
            place: weight.grad.detach().clone()
            for place, weight in enumerate(self.weights)
            if weight.grad is not None and not weight.grad.is_sparse
        }

    def forget(self) -> None:
        """Follow them no more."""
        self.hooks.close()


def cosine(one: Tensor, other: Tensor) -> float:
    """Return the cosine of two gradients; 0 where one of them is zero."""
    size = (one.norm() * other.norm()).item()
    return torch.dot(one, other).item() / size if size else 0.0
