"""Random draws that are the same each time, and what many of them say together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import stdev

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from this seed within, and go on afterwards as if nothing had been drawn.

    Draw on the processor and move the result: then a GPU starts from the same numbers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def spread(values: Sequence[float]) -> float:
    """Return the deviation over the seeds; 0 for a single one.

    >>> spread([1.0, 3.0]), spread([2.0])
    (1.4142135623730951, 0.0)
    """
    return stdev(values) if len(values) > 1 else 0.0
