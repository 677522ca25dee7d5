"""Being asked to stop: Ctrl-C and SIGTERM are noted, and acted on between two steps."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import final

from residua.errors import Interrupted


@final
class Stop:
    """Whether, and by which signal, the process was asked to stop."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    @property
    def number(self) -> int:
        """The number of the signal; 0 for none, which is less than any."""
        return 0 if self.signal is None else int(self.signal)

    def note(self, number: int, frame: FrameType | None) -> None:
        """Note the signal; a second Ctrl-C is not waited for."""
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)


@contextmanager
def saying_if_stopped(how: str) -> Iterator[None]:
    """Turn a Ctrl-C that was not noted into a sentence.

    Args:
        how: what follows "stopped", such as when, and what is saved.

    Raises:
        Interrupted: there was one.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"stopped {how}") from None


@contextmanager
def noting_stops() -> Iterator[Stop]:
    """Note Ctrl-C and SIGTERM instead of dying of them; outside the main thread nothing is changed."""
    stop = Stop()
    before: dict[signal.Signals, object] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, stop.note)
    except ValueError:  # only the main thread may set handlers
        pass
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned
