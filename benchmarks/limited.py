"""The command line in a process that may take only so much more memory once its training begins.

    python -m benchmarks.limited MEGABYTES train digits ...

The limit is that of the system on the data of a process (RLIMIT_DATA): whoever asks for more gets none, as in a
container that is full. It counts from the moment the recipe is announced, so that the size of Python and of its
libraries, which differs between machines, does not matter.
"""

import os
import resource
import sys
from pathlib import Path
from typing import Any, Final

from residua.cli.app import main
from residua.cli.progress import Display

DATA: Final = 5
"""Where Linux says in `statm` how many pages of data a process has."""


def limit(more: int) -> None:
    """Let this process take only so many more bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[DATA])
    most = pages * os.sysconf("SC_PAGE_SIZE") + more
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


class Limited(Display):  # type: ignore[misc]  # final for those who use it; here it is only listened to
    """The display of a training, which limits the memory when it hears that the training begins."""

    more = 0

    def announce(self, *told: Any) -> None:
        """Limit the memory and show what is told."""
        limit(self.more)
        super().announce(*told)


if __name__ == "__main__":
    limit(2**40)  # so that it knows from the beginning that there is one
    Limited.more = int(sys.argv.pop(1)) * 2**20
    for verb in ("train", "resume"):
        __import__(f"residua.cli.{verb}", fromlist=[verb]).Display = Limited
    main()
