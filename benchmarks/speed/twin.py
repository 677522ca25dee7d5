"""The process of one side: prepares its work, then does it again and again for as long as each line of stdin says."""

import importlib
import json
import sys
import time
from collections.abc import Callable

WARM = 3
"""Calls before the first turn; what is made at the first call is not timed."""


def prepared(place: str, arguments: dict[str, object]) -> Callable[[], object]:
    """Return the function whose calls are timed."""
    module, _, name = place.partition(":")
    work: Callable[[], object] = getattr(importlib.import_module(module), name)(**arguments)
    return work


def main() -> None:
    """Answer each line with the seconds of a call, of the wall and of the processors."""
    work = prepared(sys.argv[1], json.loads(sys.argv[2]))
    for _ in range(WARM):
        work()
    for line in sys.stdin:
        calls, wanted = 0, float(line)
        wall, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() < wall + wanted or not calls:
            work()
            calls += 1
        spent = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps({name: value / calls for name, value in spent.items()}), flush=True)


if __name__ == "__main__":
    main()
