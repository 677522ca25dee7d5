"""Which part of every batch a process takes when several train together."""

from dataclasses import dataclass
from typing import TypeVar, final

import numpy as np
from torch import Tensor

Samples = TypeVar("Samples", np.ndarray, Tensor)


@final
@dataclass(frozen=True, slots=True)
class Share:
    """One of `size` parts of equal length, up to one sample; together they are the batch, in its order.

    >>> [Share(rank, 3).of(np.arange(7)).tolist() for rank in range(3)]
    [[0, 1], [2, 3], [4, 5, 6]]
    >>> [Share(rank, 3).of(np.arange(2)).tolist() for rank in range(3)]
    [[], [0], [1]]

    Attributes:
        rank: which of them, counted from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    def of(self, batch: Samples) -> Samples:
        """Return this part of a batch; of a small one it may be empty."""
        count = len(batch)
        return batch[count * self.rank // self.size : count * (self.rank + 1) // self.size]


WHOLE = Share()
"""What a process takes that trains alone."""
