"""What a run ran on, so that its numbers can be read a year later."""

import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch


def describe_environment(device: torch.device) -> dict[str, str | int]:
    """Return command, versions, machine and device as flat names and values.

    >>> describe_environment(torch.device("cpu"))["device"]
    'cpu'
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return {
        "command": command,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "residua": version("residua"),
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "pillow": version("pillow"),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "memory": memory,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
    }


def processor() -> str:
    """Return the name of the processor."""
    names = Path("/proc/cpuinfo")
    if names.exists():
        for line in names.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
