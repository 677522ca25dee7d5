"""Many pictures at once in threads: Pillow lets other threads run while it reads and decodes."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

Result = TypeVar("Result")
_CHUNK = 64


def in_threads(work: Callable[[int], Result], count: int) -> list[Result]:
    """Return `work(0)` to `work(count - 1)` in order, several at a time.

    >>> in_threads(lambda index: index * index, 4)
    [0, 1, 4, 9]
    """

    def several(start: int) -> list[Result]:
        # A future for each picture would cost a tenth of decoding a small one.
        return [work(index) for index in range(start, min(start + _CHUNK, count))]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(chain.from_iterable(pool.map(several, range(0, count, _CHUNK))))
