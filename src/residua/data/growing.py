"""Pictures that are seen smaller at first: most of what they show is learned at a part of the price."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, final

import torch.nn.functional as F
from torch import Tensor

from residua.data.batches import Batch, Batches
from residua.types import Images

EARLY: Final = 2 / 3
"""Of the epochs are the early ones. The rest, at full size, is enough to learn what only that shows."""


@final
@dataclass(frozen=True, slots=True)
class Growing:
    """Batches whose pictures are smaller in the early epochs (progressive resizing, Howard 2018).

    Size depends on the epoch alone, so that any of them can be begun anywhere.

    Attributes:
        batches: at full size.
        side: of the pictures in the early epochs, in pixels.
        epochs: of the whole training.

    >>> from residua.data import Batching, Preprocess, open_source
    >>> source = open_source("digits")
    >>> full = Batches(
    ...     source.splits["val"], Preprocess.for_source(source), augment=None, batching=Batching(size=64, shuffle=True),
    ... )
    >>> [next(Growing(full, side=6, epochs=3).epoch(epoch)).images.shape[-1] for epoch in (1, 2, 3)]
    [6, 6, 8]
    """

    batches: Batches
    side: int
    epochs: int

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Give the batches of an epoch, counted from 1, from number `start` on."""
        early = epoch <= EARLY * self.epochs
        for batch in self.batches.epoch(epoch, start):
            yield replace(batch, images=reduced(batch.images, self.side)) if early else batch


def reduced(images: Images, side: int) -> Tensor:
    """Return images as squares of `side` pixels, each the mean of those it covers."""
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True)
