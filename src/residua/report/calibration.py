"""Whether a probability means what it says."""

from collections.abc import Sequence

from markupsafe import Markup

from residua.report.folder import Bin
from residua.report.numbers import along, count, percent, wilson
from residua.report.page import fill

_LEAST = 0.03
"""The least height of a bar that is not empty, so that it is seen."""


def reliability(bins: Sequence[Bin]) -> Markup:
    """Return the reliability diagram of `bins`: how often right against how sure, and how many of each.

    Each dot has its 95 % interval (Wilson), so a bin of few pictures does not look like evidence.
    """
    most = max((one.samples for one in bins), default=0)
    filled = [one for one in bins if one.samples > 0]
    return fill("reliability.html", {"places": [_place(one, most) for one in filled], "bins": filled})


def verdict(bins: Sequence[Bin]) -> str:
    """Return in words whether the network is too sure of itself, from the mean over all pictures.

    >>> verdict([Bin(low=0.9, high=1.0, samples=100, confidence=0.95, accuracy=0.85)]).replace(chr(160), " ")
    'It says 95.0 % on average and is right 85.0 % of the time: it is too sure of itself.'
    """
    filled = [(one.samples, one.confidence or 0.0, one.accuracy or 0.0) for one in bins if one.samples > 0]
    samples = sum(number for number, _, _ in filled)
    if not samples:
        return ""
    confidence = sum(number * value for number, value, _ in filled) / samples
    accuracy = sum(number * value for number, _, value in filled) / samples
    low, high = wilson(accuracy * samples, samples)
    if low <= confidence <= high:
        judgement = "within what chance allows, that is the same"
    else:
        judgement = "it is too sure of itself" if confidence > accuracy else "it is not sure enough of itself"
    says = f"It says {percent(confidence)} on average"
    return f"{says} and is right {percent(accuracy)} of the time: {judgement}."


def _place(one: Bin, most: int) -> dict[str, object]:
    accuracy, confidence = one.accuracy or 0.0, one.confidence or 0.0
    low, high = wilson(accuracy * one.samples, one.samples)
    height = max(_LEAST, one.samples / most)
    says = f"{count(one.samples)} pictures given {percent(one.low, 0)} to {percent(one.high, 0)}"
    return {
        "x": along(confidence),
        "y": along(1 - accuracy),
        "top": along(1 - high),
        "bottom": along(1 - low),
        "left": along(one.low),
        "width": along(one.high - one.low),
        "height": along(height),
        "rest": along(1 - height),
        "text": f"{says}: on average {percent(confidence)}, right {percent(accuracy)}",
    }
