"""How much memory there is to take."""

import os
from pathlib import Path

UNKNOWN = 4 * 2**30
"""What is taken for free where it cannot be asked."""


def memory_limit(processes: int = 1) -> int:
    """Return the bytes that pictures may take in one of several processes: a quarter of what is free for them all."""
    return free_bytes() // (4 * processes)


def free_bytes(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return the memory that a new process can have without swapping, in bytes.

    Linux says it (MemAvailable); elsewhere it is the pages that nobody uses, which leaves out those that only hold
    files that were read once and could be given up.

    Args:
        meminfo: where Linux says it.
    """
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return UNKNOWN
