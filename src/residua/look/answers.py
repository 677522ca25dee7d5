"""What a model gives: mostly one tensor; models with several heads give them by name or in a row."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import torch
from torch import Tensor

from residua.look.examples import Loss

FIRST: Final = ("logits", "out")
"""What others call the answer where there is more beside it."""


def answer(given: Any) -> Tensor | None:
    """Return the tensor of floating numbers in which a model answers; None where it gives none.

    Of tensors by name it is "logits" or "out", if there is one, and otherwise the first.

    >>> answer({"hidden": torch.zeros(2, 9), "logits": torch.zeros(2, 3)}).shape
    torch.Size([2, 3])
    """
    if isinstance(given, Mapping):
        named = next((given[name] for name in FIRST if name in given), None)
        if isinstance(named, Tensor):
            return named
    return next(floating(given), None)


def on_heads(loss: Loss) -> Loss:
    """Return a loss that is the mean over the answer of a model and all that it gives in the same shape.

    So auxiliary heads learn too; what else there is, such as features, is left alone.

    >>> loss = on_heads(torch.nn.functional.cross_entropy)
    >>> loss({"out": torch.zeros(2, 4), "hidden": torch.ones(2)}, torch.tensor([0, 3]))
    tensor(1.3863)
    """

    def judged(given: Any, targets: Tensor) -> Tensor:
        found = answer(given)
        if found is None:
            return loss(given, targets)
        losses = [loss(head, targets) for head in floating(given) if head.shape == found.shape]
        return torch.stack(losses).mean()

    return judged


def floating(given: Any) -> Iterator[Tensor]:
    """Walk all tensors of floating numbers in what a model gives."""
    if isinstance(given, Tensor):
        if given.is_floating_point():
            yield given
    elif isinstance(given, Mapping):
        for value in given.values():
            yield from floating(value)
    elif isinstance(given, tuple | list):
        for value in given:
            yield from floating(value)


def each(given: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return what a model gives with each tensor of floating numbers changed, in the same form.

    >>> each((torch.ones(1), {"more": torch.ones(1)}), lambda values: values + 1)
    (tensor([2.]), {'more': tensor([2.])})
    """
    if isinstance(given, Tensor):
        return change(given) if given.is_floating_point() else given
    if isinstance(given, Mapping):
        changed: Any = copy.copy(given)
        for name, value in given.items():
            changed[name] = each(value, change)
        return changed
    if isinstance(given, tuple | list):
        make = getattr(type(given), "_make", type(given))  # of a named tuple
        return make(each(value, change) for value in given)
    return given
