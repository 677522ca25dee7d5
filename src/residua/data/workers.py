"""Batches read in this process or by others, in the same order and with the same bits."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar, final

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from residua.errors import BadData

Answer = TypeVar("Answer")


class Task(ABC, Generic[Answer]):
    """How the pictures of one batch are read; small enough to be sent to a worker."""

    @abstractmethod
    def read(self, indices: np.ndarray) -> Answer | str:
        """Return what is read of the pictures at `indices`, or why one of them cannot be read."""


def default_workers(workers: int | None) -> int:
    """Return the processes that read files: as asked for, else all processors but one."""
    return max(1, (os.cpu_count() or 1) - 1) if workers is None else workers


def read_in_order(
    task: Task[Answer], rows: Sequence[np.ndarray], *, workers: int, names: Sequence[str]
) -> Iterator[Answer]:
    """Give what `task` reads of each of `rows`; from workers, arrays come as tensors and tuples as lists.

    Args:
        task: reads a batch.
        rows: the pictures of each batch.
        workers: processes; with 0 this one reads.
        names: of the pictures, for an error.

    Raises:
        BadData: a picture cannot be read, or a worker died; pictures near its end are named.
    """
    if not workers:
        for indices in rows:
            yield answered(task.read(indices))
        return
    # A generator of its own: the loader would draw its seed from the global state, and change it.
    loader = DataLoader(
        _Rows(task, rows),
        batch_size=None,
        num_workers=workers,
        generator=torch.Generator(),
        prefetch_factor=4,
    )
    done = 0
    try:
        for answer in loader:
            yield answered(answer)
            done += 1
    except RuntimeError as error:
        near = ", ".join(names[index] for index in rows[min(done, len(rows) - 1)][:5])
        raise BadData(
            f"a process that reads pictures died ({str(error).splitlines()[0]}) near these: {near}, ...; "
            "look at them with `residua check`, or read with fewer processes (--workers 1)"
        ) from error


@final
class _Rows(Dataset[Any]):
    """The batches of an epoch, for a loader: one item is one batch."""

    def __init__(self, task: Task[Any], rows: Sequence[np.ndarray]) -> None:
        self.task = task
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> Any:
        torch.set_num_threads(1)
        return self.task.read(self.rows[number])


def answered(answer: Answer | str) -> Answer:
    """Return what was read, or raise what the reader said."""
    if isinstance(answer, str):
        raise BadData(f"{answer}; repair or remove it (if it could be read before, it has changed since)")
    return answer
