"""Batches read in this process or by others, in the same order and with the same bits."""

import os
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import active_children
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar, final

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from residua.errors import BadData, LostProcess

Answer = TypeVar("Answer")


@final
class UnreadableBatch(BadData):
    """A batch of which a picture cannot be read; the batches after it can be."""


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
        UnreadableBatch: a picture cannot be read.
        LostProcess: a worker died; pictures near its end are named.
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
    others = set(active_children())
    with no_interruptions():
        batches = iter(loader)
    readers = set(active_children()) - others
    done = 0
    try:
        for answer in batches:
            yield answered(answer)
            done += 1
    except (
        RuntimeError,
        OSError,
        EOFError,
    ) as error:  # the last two where it was to hand over what it had read
        gone = wait([reader.sentinel for reader in readers], timeout=1)  # it is missed before it has ended
        ended = [reader for reader in readers if reader.sentinel in gone]
        for reader in ended:
            reader.join(1)
        if not any(reader.exitcode for reader in ended):
            raise
        near = ", ".join(names[index] for index in rows[min(done, len(rows) - 1)][:5])
        raise LostProcess(
            f"a process that reads pictures {ending(ended)}, near these: {near}, ...; fewer of them take less "
            "memory (--workers 1), and `residua check` looks for a picture that does it"
        ) from error


@contextmanager
def no_interruptions() -> Iterator[None]:
    """Keep the way in which the end of a child is heard of.

    PyTorch would raise an error wherever the program is when a reader dies, be it in the middle of a step. The loader
    notices by itself, where the next batch is waited for.
    """
    if threading.current_thread() is not threading.main_thread() or sys.platform == "win32":
        yield
        return
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


def ending(readers: Iterable[BaseProcess]) -> str:
    """Return in words how the first of these processes ended that did not end well."""
    code = next(reader.exitcode for reader in readers if reader.exitcode)
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL: what the system does when memory runs out)"
    return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


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
        raise UnreadableBatch(
            f"{answer}; put it back as it was (if it could be read before, it has changed since)"
        )
    return answer
