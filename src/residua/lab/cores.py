"""Trainings side by side, one on each core of the processor.

The networks of the lab are so small that a second core does not make one of them faster; two of them at once do.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from joblib import Parallel, cpu_count, delayed, parallel_config

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def on_all_cores(work: Callable[[Task], Answer], tasks: Iterable[Task], *, device: str) -> list[Answer]:
    """Return what `work` answers to each task, in their order; on a processor each core has one at a time.

    A task runs in a process of its own, on one core; a GPU, which one process fills, gets them one after
    another, and so does a processor with one core.

    Args:
        work: a function of a module, not one made within another.
        tasks: what it is called with; tasks and answers travel between processes.
        device: where `work` computes.

    >>> on_all_cores(len, ["a", "bc"], device="cpu")
    [1, 2]
    """
    wanted = list(tasks)
    processes = min(cpu_count(), len(wanted)) if torch.device(device).type == "cpu" else 1
    if processes < 2:
        return [work(task) for task in wanted]
    # Its processes start afresh, without the caller's threads, and do not run the caller's script again.
    with parallel_config(backend="loky", inner_max_num_threads=1):
        return list(Parallel(n_jobs=processes)(delayed(work)(task) for task in wanted))
