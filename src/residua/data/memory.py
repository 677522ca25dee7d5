"""How much memory there is to take."""

import os
import sys
from pathlib import Path

UNKNOWN = 4 * 2**30
"""What is taken for free where it cannot be asked."""


def memory_limit(processes: int = 1) -> int:
    """Return the bytes that pictures may take in one of several processes: a quarter of what is free for them all."""
    return free_bytes() // (4 * processes)


def free_bytes(meminfo: Path = Path("/proc/meminfo"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the memory that this process can still have without swapping, in bytes.

    Linux says it (MemAvailable); elsewhere it is the pages that nobody uses, which leaves out those that only hold
    files that were read once and could be given up. A container or a `ulimit` may leave less.

    Args:
        meminfo: where Linux says it.
        groups: where Linux says how much a container may take.
    """
    return max(0, min(free_here(meminfo), left_in_container(groups), left_to_process()))


def free_here(meminfo: Path) -> int:
    """Return the memory of the machine that nobody needs."""
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return UNKNOWN


def left_in_container(groups: Path) -> int:
    """Return what a limit on all processes of a container leaves, if there is one: cgroups, version 2."""
    try:
        most = (groups / "memory.max").read_text().strip()
        taken = int((groups / "memory.current").read_text())
        lines = (groups / "memory.stat").read_text().splitlines()
        held = sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    except (OSError, ValueError, IndexError):
        return sys.maxsize
    return sys.maxsize if most == "max" else int(most) - taken + held  # files that could be given up are free


def left_to_process() -> int:
    """Return what a limit on the address space or the data of this process leaves, if there is one."""
    try:
        import resource  # not on Windows
    except ImportError:
        return sys.maxsize
    limits = {0: resource.getrlimit(resource.RLIMIT_AS)[0], 5: resource.getrlimit(resource.RLIMIT_DATA)[0]}
    limits = {column: limit for column, limit in limits.items() if limit != resource.RLIM_INFINITY}
    statm = Path("/proc/self/statm")  # in pages: all of the address space first, the data sixth
    if not limits or not statm.exists():
        return sys.maxsize
    taken = [int(pages) * resource.getpagesize() for pages in statm.read_text().split()]
    return min(limit - taken[column] for column, limit in limits.items())
