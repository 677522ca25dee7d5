"""Each network of the zoo counts twice: as it ended after a brief training, and after one four times as long."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np

from benchmarks.rows import Row, read_rows
from benchmarks.zoo.draw import SETTING, Drawn, draw
from benchmarks.zoo.measure import LEARNS, LONGER
from residua.exam.verdict import INTERCEPT, PROBED, STILL, planned

LENGTHS: Final = {"brief": 1, "four times as long": LONGER}


@final
@dataclass(frozen=True, slots=True)
class Training:
    """One training of one network.

    Attributes:
        row: what was seen of the network before it.
        steps: that it took.
        outcome: how far it came on the way from chance to what is usual.
    """

    row: Row
    steps: int
    outcome: float

    @property
    def learned(self) -> bool:
        """Whether it came to something."""
        return self.outcome >= LEARNS

    @property
    def drawn(self) -> Drawn:
        """The network."""
        return draw(self.row["drawn"]["number"])

    @property
    def sets(self) -> bool:
        """Whether it is of the half that sets the weights."""
        return self.row["drawn"]["family"] in SETTING

    def values(self) -> dict[str, float]:
        """Return what the verdict weighs."""
        return {**self.row["features"], "pace": self.row["pace"], "planned": planned(self.steps)}


def read_trainings(path: Path, length: str) -> list[Training]:
    """Return the trainings of one length of all networks that were looked at, in the order of their numbers.

    What learned in a brief training is not trained again: it learns in a longer one.
    """
    rows = sorted(read_rows(path), key=lambda row: int(row["drawn"]["number"]))
    times = LENGTHS[length]
    return [
        Training(row, times * steps_of(draw(row["drawn"]["number"])), outcome_of(row, times))
        for row in rows
        if row["outcome"] is not None and "features" in row
    ]


def outcome_of(row: Row, times: int) -> float:
    """Return how far a network came in a training so many times as long as the brief one."""
    brief = max(row["came"].values())
    return max(brief, *row["came longer"].values()) if times > 1 and "came longer" in row else brief


def steps_of(drawn: Drawn) -> int:
    """Return the steps of a brief training."""
    pictures = drawn.on
    return pictures.epochs * (len(pictures.read()[0]) // pictures.batch)


def table(trainings: list[Training], *, probed: bool) -> tuple[np.ndarray, list[str]]:
    """Return what the verdict weighs, a row a training, and the names of the columns."""
    names = [name for name in (PROBED if probed else STILL) if name != INTERCEPT]
    return np.nan_to_num(np.array([[one.values()[name] for name in names] for one in trainings])), names
