"""Surgery from outside: put a wrapper on a part for a while, and take it off again."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from torch import nn

from residua.errors import UnknownName
from residua.parts import Join

Wrapper = Callable[[nn.Module], nn.Module]
M = TypeVar("M", bound=nn.Module)


@contextmanager
def rewired(model: M, edits: Mapping[str, Wrapper]) -> Iterator[M]:
    """Put wrappers on parts of a model, and take them off on leaving, error or not.

    Within, the names of the parameters have one more word where a wrapper is, so save nothing there. Two
    edits of one part wrap it twice, in their order; the names are those of the model as given.

    Args:
        model: any; it is changed in place and given back.
        edits: what to call on which part. The name of a `Join` means its branch, the leg that learns; any
            other name means that part itself: "stage2.3.sum.shortcut" or, in a plain net, "stage2.3.branch".

    Raises:
        UnknownName: the model has no such part; the nearest names are in the message.

    >>> import torch
    >>> from residua.look import Silent
    >>> from residua.parts import Sum
    >>> block = nn.Sequential(Sum(nn.Linear(3, 3)))
    >>> with rewired(block, {"0": Silent}):
    ...     block(torch.ones(1, 3))
    tensor([[1., 1., 1.]])
    """
    known = {name: part for name, part in model.named_modules() if name}
    places = [(*place(known, name), wrapper) for name, wrapper in edits.items()]
    undo: list[tuple[nn.Module, str, nn.Module]] = []
    try:
        for above, leaf, wrapper in places:
            owner = known[above] if above else model
            part = owner.get_submodule(leaf)
            wrapped = wrapper(part)
            # A fresh module is in training mode; within, the wrapper answers to the model's own switch.
            wrapped.training = part.training
            undo.append((owner, leaf, part))
            setattr(owner, leaf, wrapped)
        yield model
    finally:
        for owner, leaf, part in reversed(undo):
            setattr(owner, leaf, part)


def place(known: Mapping[str, nn.Module], name: str) -> tuple[str, str]:
    """Return the name of the module that holds a part, and the part's name in it; "" is the model itself."""
    if name not in known:
        forks = [fork for fork, part in known.items() if isinstance(part, Join)]
        raise UnknownName.among("part of this model", name, forks or known)
    if isinstance(known[name], Join):
        return name, "branch"
    above, _, leaf = name.rpartition(".")
    return above, leaf
