"""The learning rates that the steps of a training are taken at, one after another, and what is odd about them."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, final

ENDED: Final = 4
"""Steps at next to no learning rate; the last one of a short schedule is no fault."""
IDLE: Final = 1e-4
"""Share of the highest rate below which a step is next to none."""
JUMP: Final = 20.0
"""Times the rate of the step before, from which on a rate is more than a schedule's next stage."""
MEANT: Final = 0.01
"""Share of the highest rate from which on a step is meant to move something: a schedule may end as low as it likes."""


@final
class Rates:
    """The highest rate of all groups at each step.

    Attributes:
        now: of the last step; not a number for an optimiser that knows none.
        highest: of all steps.
        schedule: whether one of PyTorch leads to a rate above zero.
        settled: whether the last step is no part of a warm-up and not at the low end of a schedule.
        jumped: whether the last rate is many times the one before, which was more than next to nothing.

    >>> rates = Rates()
    >>> for rate in (1.0, 0.1, 0.0, 0.0, 0.0, 0.0):
    ...     rates.follow([{"lr": rate}])
    >>> rates.over
    True
    """

    def __init__(self) -> None:
        self.now = math.nan
        self.highest = 0.0
        self.schedule = False
        self.settled = False
        self.jumped = False
        self.steps = 0
        self.idle = 0
        """Steps in a row, up to the last, at next to no rate."""

    def follow(self, groups: Iterable[Mapping[str, Any]]) -> None:
        """Note the rate of a step that is about to be taken."""
        known = list(groups)
        before, self.now = self.now, max(float(group.get("lr", math.nan)) for group in known)
        led = max(float(group.get("initial_lr", 0.0)) for group in known)
        self.jumped = self.now > JUMP * before and before > IDLE * self.highest
        self.highest = max(self.highest, self.now)
        self.schedule = led > 0
        self.settled = not self.now > before and self.now > MEANT * max(self.highest, led)
        self.idle = self.idle + 1 if self.now < IDLE * self.highest else 0
        self.steps += 1

    @property
    def zero(self) -> bool:
        """Whether no step had a length so far."""
        return self.steps >= ENDED and self.highest == self.now == 0

    @property
    def over(self) -> bool:
        """Whether the rate has been next to none for as long as it was more, so that most of the training is idle."""
        return self.idle >= max(ENDED, self.steps - self.idle)
