"""What this machine can do, and settings of the machine that make training faster without changing a bit."""

import ctypes
import gc
import platform

import torch

from residua.compiling import instructions
from residua.errors import BadInput


def pick_device() -> str:
    """Return the name of the fastest device here."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def open_device(name: str | None = None) -> torch.device:
    """Return the device of that name; the fastest here if none is given.

    Raises:
        BadInput: there is none here.

    >>> open_device("cpu")
    device(type='cpu')
    """
    name = pick_device() if name is None else name
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise BadInput(
            f"--device {name} cannot be used here ({why}); try --device {pick_device()}"
        ) from error
    return device


def has_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 is faster than float32 there: by instructions of its own, not by emulation."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool({"avx512_bf16", "amx_bf16"} & instructions())


def keep_memory() -> None:
    """Ask glibc to keep freed memory: activations of every step would be mapped and zeroed anew otherwise.

    A process whose memory is limited cannot afford to: what is freed in pieces would count as its own for ever.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    trim_threshold, mmap_threshold, mmap_max = -1, -3, -4
    if memory_is_limited():
        library.mallopt(mmap_threshold, 2**20)
        return
    library.mallopt(mmap_max, 0)
    library.mallopt(trim_threshold, 2**31 - 1)


def memory_is_limited() -> bool:
    """Return whether the system limits the memory of this process, as `ulimit -v` and schedulers of clusters do."""
    try:
        import resource  # not on Windows
    except ImportError:
        return False
    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return any(limit != resource.RLIM_INFINITY for limit in limits)


def release_memory(device: torch.device) -> None:
    """Give the system what is free of the memory that this process has, which `keep_memory` and PyTorch hold on to."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
