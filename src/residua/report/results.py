"""What the finished network gets right and wrong."""

from residua.report import calibration as reliability
from residua.report.confusion import fits_table, matrix, worst_pairs
from residua.report.folder import ClassScore, Evaluation, RunFolder
from residua.report.headline import split_name
from residua.report.numbers import count, percent
from residua.report.page import Section, fill
from residua.report.thumbnails import embed

MOST_MISTAKES = 24


def confusion(run: RunFolder) -> Section | None:
    """Return the confusion matrix with the pairs that are confused most."""
    found = run.evaluation
    if found is None or not found.confusion:
        return None
    pairs = worst_pairs(found) if len(found.classes) > 2 else []
    values = {"matrix": matrix(found), "pairs": pairs, "wide": len(found.classes) > 12}
    lead = "Blue cells are right, orange ones wrong; the stronger, the larger the share of the true class."
    return Section("confusion", "Confusion", fill("confusion.html", values), lead)


def classes(run: RunFolder) -> Section | None:
    """Return precision, recall and F1 of each class, the weakest first."""
    found = run.evaluation
    if found is None or not found.per_class:
        return None
    numbered = list(enumerate(found.per_class, start=1))
    weakest_first = sorted(numbered, key=lambda pair: (_f1(pair[1]), pair[0]))
    values = {"scores": weakest_first, "numbered": not fits_table(found)}
    weakest = weakest_first[0][1]
    lead = "Precision: how many guesses of the class are right. Recall: how many of the class are found."
    if _f1(weakest) < 1:
        lead = f"Weakest is {weakest.name}, with an F1 of {percent(_f1(weakest))}. {lead}"
    return Section("classes", "Classes", fill("classes.html", values), lead)


def mistakes(run: RunFolder) -> Section | None:
    """Return the mistakes that the network was surest of, as pictures."""
    found = run.evaluation
    if found is None:
        return None
    wrong = _wrong(found)
    shown = sorted(found.mistakes, key=lambda mistake: -mistake.probability)[:MOST_MISTAKES]
    values = {
        "mistakes": [(mistake, embed(run.path, mistake.thumbnail)) for mistake in shown],
        "samples": found.samples,
        "split": split_name(found.split),
    }
    lead = ""
    if shown:
        which = "The only mistake" if wrong == 1 else f"All {count(wrong)} mistakes, the surest first"
        if len(shown) < wrong:
            which = f"The {len(shown)} surest of {count(wrong)} mistakes"
        lead = f"{which}: what it is, in bold, and what it was taken for."
    return (
        Section("mistakes", "Worst mistakes", fill("mistakes.html", values), lead)
        if shown or not wrong
        else None
    )


def calibration(run: RunFolder) -> Section | None:
    """Return whether the probabilities of the network mean what they say."""
    found = run.evaluation
    if found is None or not any(one.samples for one in found.bins):
        return None
    lead = reliability.verdict(found.bins)
    if found.ece is not None:
        lead += f" Expected calibration error: {percent(found.ece)}."
    return Section("calibration", "Calibration", reliability.reliability(found.bins), lead)


def _f1(score: ClassScore) -> float:
    return score.f1 or 0.0


def _wrong(found: Evaluation) -> int:
    return found.samples - round(found.top1 * found.samples)
