"""Sums over a whole batch, also where several processes hold a part of it each."""

from collections.abc import Callable

from torch import Tensor

Total = Callable[[Tensor], Tensor]
"""Adds up what each process has of a batch; a process that has all of it returns it as it is.

A mean is a sum divided by another: with both over all the parts it is that of the whole batch, however uneven they are.
"""


def own(tensor: Tensor) -> Tensor:
    """Return the sum of a process that has the whole batch: its own."""
    return tensor
