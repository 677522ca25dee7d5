"""Which class is taken for which: counts for a few classes, a map for many, and the worst pairs."""

import math
from dataclasses import dataclass
from typing import final

from markupsafe import Markup

from residua.report.folder import Evaluation
from residua.report.mask_folder import MaskEvaluation
from residua.report.page import fill

MOST_IN_TABLE = 24
MOST_PAIRS = 12


@final
@dataclass(frozen=True)
class Pair:
    """`count` pictures or pixels of `truth`, a `share` of them all, were taken for `guess`."""

    truth: str
    guess: str
    count: int
    share: float


def fits_table(evaluation: Evaluation | MaskEvaluation) -> bool:
    """Return whether the classes are few enough to write every count."""
    return len(evaluation.classes) <= MOST_IN_TABLE


def matrix(evaluation: Evaluation | MaskEvaluation) -> Markup:
    """Return the confusion matrix as a table with counts, or as a map where the classes are many.

    A colour says which share of its row, the true class, a cell is: one colour for right, another for wrong. Of
    pixels the share is written too, since there are millions.
    """
    shares = isinstance(evaluation, MaskEvaluation)
    classes = evaluation.classes
    rows = [
        (
            classes[truth],
            [_cell(classes, (truth, guess), count, sum(row), shares) for guess, count in enumerate(row)],
        )
        for truth, row in enumerate(evaluation.confusion)
    ]
    if fits_table(evaluation):
        # A few classes have room for larger cells and level names, and so have short names.
        look = "few" if len(classes) <= 5 else "level" if max(map(len, classes)) <= 3 else "steep"
        return fill("confusion_table.html", {"classes": classes, "rows": rows, "look": look})
    return fill("confusion_map.html", {"size": len(classes), "rows": rows})


def worst_pairs(evaluation: Evaluation | MaskEvaluation) -> list[Pair]:
    """Return the most frequent confusions, the most frequent first."""
    classes = evaluation.classes
    pairs = [
        Pair(classes[truth], classes[guess], count, count / sum(row))
        for truth, row in enumerate(evaluation.confusion)
        for guess, count in enumerate(row)
        if truth != guess and count
    ]
    return sorted(pairs, key=lambda pair: (-pair.count, -pair.share, pair.truth, pair.guess))[:MOST_PAIRS]


def _cell(
    classes: list[str], place: tuple[int, int], count: int, samples: int, shares: bool
) -> dict[str, object]:
    truth, guess = place
    share = count / samples if samples else 0.0
    right = truth == guess
    return {
        "guess": guess,
        "count": count,
        "shown": (f"{100 * share:.0f}" if share >= 0.005 else "<1") if shares else f"{count:,}",
        "right": right,
        # Rare mistakes are what a reader looks for, so their colour rises with the root of the share.
        "strength": round(100 * share if right else 20 + 80 * math.sqrt(share)),
        "text": f"{classes[truth]}, taken for {classes[guess]}: {count:,} of {samples:,}",
    }
