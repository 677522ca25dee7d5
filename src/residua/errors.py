"""Every exception that Residua raises on purpose.

ResiduaError            a mistake that its message explains: what was given, the rule, the next step
  UnknownName           a name that is in no table; the nearest names are in the message
  BadSpec               a network that cannot be built as described
  BadInput              a tensor or a picture that this network cannot take
  BadData               a folder, a table or a file of the data that cannot be used
  BadRun                a run folder or a model file that cannot be read, resumed or written
  BadExport             an exported file that does not do what the network does
  WillNotTrain          a training that the exam is sure will come to nothing
  Diverged              a loss that is no longer finite
  Interrupted           a run that was asked to stop and saved itself first
  LostProcess           another process of the same training, or one that reads for it, that is gone
  OutOfMemory           a step that does not fit in memory
  SaidElsewhere         what another process of the same training says already
  MissingExtra          an optional package that is not installed
"""

from collections.abc import Iterable
from difflib import get_close_matches


class ResiduaError(Exception):
    """The root of the tree; its text is written for the person at the keyboard."""


class UnknownName(ResiduaError, LookupError):
    """A name that is in no table.

    >>> str(UnknownName.among("network", "resnet51", ["resnet50", "vgg16"]))
    "no network is called 'resnet51'; the nearest names are resnet50"
    """

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> "UnknownName":
        """Return the error for `name`, naming those of `known` that begin with it or else read most like it."""
        known = sorted(known)
        begun = [other for other in known if name and other.startswith(name)]
        close = get_close_matches(name, known, n=3, cutoff=0.5)
        near = [*begun, *(other for other in close if other not in begun)][:3]
        hint = f"the nearest names are {', '.join(near)}" if near else f"the names are {', '.join(known)}"
        return cls(f"no {kind} is called '{name}'; {hint}")


class BadSpec(ResiduaError, ValueError):
    """A network that cannot be built as described."""


class BadInput(ResiduaError, ValueError):
    """A tensor or a picture that this network cannot take."""


class BadData(ResiduaError):
    """A folder, a table or a file of the data that cannot be used."""


class BadRun(ResiduaError):
    """A run folder or a model file that cannot be read, resumed or written."""


class BadExport(ResiduaError):
    """An exported file that does not do what the network does."""


class WillNotTrain(ResiduaError):
    """A training that the exam is sure will come to nothing, so it is not begun."""


class Diverged(ResiduaError):
    """A loss that is no longer finite."""


class Interrupted(ResiduaError):
    """A run that was asked to stop and saved itself first."""


class LostProcess(ResiduaError):
    """Another process of the same training, or one that reads for it, that is gone or does not answer."""


class OutOfMemory(ResiduaError):
    """A step that does not fit in memory; the message says what does."""


class SaidElsewhere(ResiduaError):
    """What ended a training in all of its processes, and is said by one of them; the others are silent."""


SHORTAGE = ("can't allocate memory", "out of memory", "bad_alloc", "could not create a primitive")
"""What is said where there is no more memory: by PyTorch for a CPU and for a GPU, by libraries in C++, by oneDNN."""


def is_shortage(error: BaseException) -> bool:
    """Return whether an error is of memory that could not be had.

    >>> is_shortage(MemoryError()), is_shortage(RuntimeError("DefaultCPUAllocator: can't allocate memory: ..."))
    (True, True)
    >>> is_shortage(RuntimeError("the shapes differ"))
    False
    """
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error).casefold() for words in SHORTAGE)
    )


class MissingExtra(ResiduaError, ImportError):
    """An optional package that is not installed."""
