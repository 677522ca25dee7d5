"""A process that reads pictures by every path there is, and says what came of each: an answer, a refusal, or else.

    python -m benchmarks.hostile.reader < paths

For each path of a line it prints one line of JSON. The process that starts it watches it.
"""

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from residua.data import read_picture
from residua.data.masks import read_raster, read_raster_header
from residua.data.masks.stored import read_mask_file
from residua.data.pictures import read_header
from residua.errors import MissingExtra, ResiduaError

READERS: Final[dict[str, Callable[[Path], Any]]] = {
    "the header of a picture": read_header,
    "a picture": read_picture,
    "a picture, reduced": partial(read_picture, side=16),
    "the header of an image with a mask": read_raster_header,
    "an image with a mask": read_raster,
    "a mask": read_mask_file,
}
BEYOND: Final = 2_000_000_000
"""Bytes of addresses beyond those of the process with its libraries."""


def main() -> None:
    """Read what is named on standard input."""
    limit()
    gc.freeze()  # what the libraries hold, which each collection below would go through again
    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        print(json.dumps({name: one(read, path) for name, read in READERS.items()}), flush=True)


def limit() -> None:
    """Let the process have only so much more memory, so that a bomb ends it and not the machine."""
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + BEYOND, held + BEYOND))


def one(read: Callable[[Path], Any], path: Path) -> dict[str, object]:
    """Return what came of one reading: `wrong` if it was neither an answer nor a refusal; seconds and bytes it took."""
    gc.collect()
    before = forget_peak()
    began = time.process_time()
    wrong, reason = "", ""
    try:
        read(path)
    except MissingExtra as error:
        wrong = f"MissingExtra: {error}"
    except ResiduaError as error:
        reason = str(error)
    except BaseException as error:  # whatever it is, it is what is looked for
        wrong = f"{type(error).__name__}: {error}"
    seconds = time.process_time() - began
    return {"wrong": wrong, "reason": reason, "seconds": seconds, "bytes": max(0, status("VmHWM") - before)}


def forget_peak() -> int:
    """Set the peak of the memory to what the process has now, and return that in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


def status(name: str) -> int:
    """Return a number of bytes that Linux tells of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/self/status says no {name}: this needs Linux")


if __name__ == "__main__":
    main()
