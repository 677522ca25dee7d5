"""How the samples of a split are divided into batches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """The size of batches, and the order in which samples come to them.

    >>> Batching(size=64).count(135), Batching(size=64, drop_last=True).count(135)
    (3, 2)

    Attributes:
        size: samples a batch.
        seed: of the order, and of all else that is random in an epoch.
        shuffle: a new order each epoch.
        drop_last: leave out the last batch if it is smaller; with fewer samples than a batch it stays.
    """

    size: int
    seed: int = 0
    shuffle: bool = False
    drop_last: bool = False

    def drops(self, samples: int) -> bool:
        """Return whether a last batch that is smaller is left out, of so many samples."""
        return self.drop_last and samples >= self.size

    def count(self, samples: int) -> int:
        """Return how many batches so many samples make."""
        whole, rest = divmod(samples, self.size)
        return whole + (rest > 0 and not self.drops(samples))

    def order(
        self, epoch: int, samples: int, draw: Callable[[int, np.random.Generator], np.ndarray]
    ) -> np.ndarray:
        """Return the order of so many samples in an epoch.

        Args:
            epoch: any number of it; the same one gives the same order.
            samples: how many there are.
            draw: draws an order of so many of them, where one is wanted.
        """
        return (
            draw(samples, np.random.default_rng((self.seed, epoch, 0)))
            if self.shuffle
            else np.arange(samples)
        )
