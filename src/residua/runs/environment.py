"""What a run ran on, so that its numbers can be read a year later."""

import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from residua.compiling import processor


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
        "simplejpeg": installed("simplejpeg"),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "memory": memory,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
    }


def installed(package: str) -> str:
    """Return the version of a package that need not be there, or "none"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
