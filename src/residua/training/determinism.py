"""The same bits every time on a GPU too: `--deterministic`, and what cannot keep that promise."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

WORKSPACE: Final = "CUBLAS_WORKSPACE_CONFIG"
"""Where cuBLAS is told how much memory it may use, without which it may take other algorithms from run to run."""
FIXED: Final = ":4096:8"
SAID: Final = " does not have a deterministic implementation"
"""What PyTorch says of an operation, after its name."""


@contextmanager
def reproducible(wanted: bool) -> Iterator[list[str]]:
    """Let PyTorch use only algorithms that give the same bits every time; on leaving all is as it was.

    What has no such algorithm runs all the same, and is said in the list that is given, each once. On a CPU nothing
    changes: its algorithms are all of that kind. cuBLAS must not have been used by this process before.

    Source: https://docs.pytorch.org/docs/stable/notes/randomness.html

    Args:
        wanted: else nothing is done.

    >>> with reproducible(True) as unsure:
    ...     torch.are_deterministic_algorithms_enabled(), unsure
    (True, [])
    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    unsure: list[str] = []
    if not wanted:
        yield unsure
        return
    enabled = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    workspace = os.environ.get(WORKSPACE)
    os.environ.setdefault(WORKSPACE, FIXED)
    try:
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        torch.use_deterministic_algorithms(True, warn_only=True)
        with noting(unsure):
            yield unsure
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=only_warned)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        if workspace is None:
            os.environ.pop(WORKSPACE, None)


@contextmanager
def noting(unsure: list[str]) -> Iterator[None]:
    """Note what PyTorch warns of that has no deterministic algorithm; show all other warnings as before."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Warning | str, *rest: Any) -> None:
            name, said, _ = str(message).partition(SAID)
            if not said:
                show(message, *rest)
                return
            operation = name.split()[-1]
            sentence = f"--deterministic: {operation} has no such form here; bits may differ between runs"
            if sentence not in unsure:
                unsure.append(sentence)

        warnings.filterwarnings("always", message=f".*{SAID}")
        warnings.showwarning = note  # type: ignore[assignment]  # it hands on whatever comes
        yield
