"""What keeps a network from training: a name, the numbers that say so, and where it starts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

from residua.exam.observation import Observation


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One thing that was found.

    Attributes:
        name: what it is called, in `docs/exam.md` too.
        evidence: the numbers that say so.
        layer: where it starts; None where it is not in one layer.
        harm: how likely it alone keeps the network from training, from 0 to 1; 0 is a note and no fault.
        symptom: what a fault elsewhere may show itself in, such as a signal that dies; other causes come before it.
    """

    name: str
    evidence: str
    layer: str | None = None
    harm: float
    symptom: bool = False

    @property
    def note(self) -> bool:
        """Whether it is only worth knowing."""
        return self.harm == 0


Rule = Callable[[Observation], Iterator[Cause]]
"""It reads an observation and names what it finds there."""
