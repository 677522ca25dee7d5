"""Many pictures at once in threads: Pillow lets other threads run while it reads and decodes."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
_CHUNK = 64


def in_threads(
    work: Callable[[int], Result], count: int, *, done: Callable[[int], None] | None = None
) -> list[Result]:
    """Return `work(0)` to `work(count - 1)` in order, several at a time.

    Args:
        work: what is done with each number.
        count: how many numbers.
        done: told as it goes on how many are done, in the thread of the caller.

    >>> in_threads(lambda index: index * index, 4)
    [0, 1, 4, 9]
    """

    def several(start: int) -> list[Result]:
        # A future for each picture would cost a tenth of decoding a small one.
        return [work(index) for index in range(start, min(start + _CHUNK, count))]

    results: list[Result] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for chunk in pool.map(several, range(0, count, _CHUNK)):
            results += chunk
            if done is not None:
                done(len(results))
    return results
