"""What an optimiser may be given to compute the loss anew before its step."""

from collections.abc import Callable

import torch

Closure = Callable[[], float]


def loss_of(closure: Closure | None) -> float | None:
    """Call what computes a loss and its gradient; return the loss, or None where nothing was given.

    >>> loss_of(lambda: 0.5), loss_of(None)
    (0.5, None)
    """
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()
