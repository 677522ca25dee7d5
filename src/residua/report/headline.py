"""The first screen of a report: how well it does, on what, with what, in what time."""

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import final

from markupsafe import Markup

from residua.report.folder import RunFolder
from residua.report.numbers import compact, count, duration, percent, plain, wilson
from residua.report.page import fill

_SPLITS = {"val": "validation", "valid": "validation", "train": "training"}


@final
@dataclass(frozen=True)
class Score:
    """An accuracy, with its 95 % interval where the number of pictures is known; of masks the mean IoU.

    `baseline` is the rate of always guessing the largest class; `said` is what is to be known of a score without an
    interval.
    """

    accuracy: float
    split: str
    samples: int | None = None
    interval: tuple[float, float] | None = None
    baseline: float | None = None
    name: str = "Accuracy"
    said: str = ""


def subtitle(run: RunFolder) -> str:
    """Return the name of the run and when it started."""
    name = run.path.resolve().name
    try:
        started = datetime.fromisoformat(str(run.environment.get("started", "")))
    except ValueError:
        return name
    return f"{name} · {started.day} {started:%B %Y, %H:%M}"


def opening(run: RunFolder) -> Markup:
    """Return the headline block."""
    score = _mask_score(run) if run.segments else _score(run)
    values = {
        "score": score,
        "digits": digits((score.samples if score else None) or 0),
        "right": round(score.accuracy * score.samples) if score and score.samples else None,
        "facts": [(term, main, rest) for term, main, rest in _facts(run) if main],
        "figures": _figures(run),
        "notice": _notice(run),
    }
    return fill("headline.html", values)


def split_name(split: str) -> str:
    """Return the name of a split as a word.

    >>> split_name("val")
    'validation'
    """
    return _SPLITS.get(split, split)


def digits(samples: int) -> int:
    """Return how many decimals a percentage of `samples` pictures deserves."""
    return 2 if samples >= 5000 else 1


def _score(run: RunFolder) -> Score | None:
    """The evaluated accuracy, else that of the last epoch with one."""
    found = run.evaluation
    if found is not None:
        largest = max((sum(row) for row in found.confusion), default=0) / found.samples
        interval = wilson(found.top1 * found.samples, found.samples)
        return Score(found.top1, split_name(found.split), found.samples, interval, largest or None)
    for epoch in reversed(run.epochs):
        if epoch.val_accuracy is not None:
            split = run.data.splits.get("val")
            samples = split.samples if split and split.samples else None
            around = wilson(epoch.val_accuracy * samples, samples) if samples else None
            return Score(epoch.val_accuracy, f"validation, epoch {epoch.epoch}", samples, around)
    return None


def _mask_score(run: RunFolder) -> Score | None:
    """The evaluated mean IoU, else that of the last epoch with one."""
    found = run.masks
    if found is not None:
        rows = [sum(row) for row in found.confusion]
        seen = sum(one.iou is not None for one in found.per_class)
        # The class that is said everywhere has its share of the pixels as its IoU, and every other class 0.
        baseline = max(rows) / sum(rows) / seen if seen and sum(rows) else None
        said = f"{count(found.samples)} pictures, {compact(found.pixels)} pixels with a class, at their original size."
        if baseline:
            largest = found.classes[rows.index(max(rows))]
            said += f" Always guessing {largest}, the largest class, would get {percent(baseline)} (the grey mark)."
        return Score(found.mean_iou, split_name(found.split), baseline=baseline, name="Mean IoU", said=said)
    for epoch in reversed(run.epochs):
        if epoch.val_mean_iou is not None:
            return Score(epoch.val_mean_iou, f"validation, epoch {epoch.epoch}", name="Mean IoU")
    return None


def _facts(run: RunFolder) -> list[tuple[str, str, str]]:
    model, train = run.model, run.data.splits.get("train")
    size = [f"{count(model.parameters)} parameters"] if model.parameters else []
    if model.macs:
        size.append(f"{compact(model.macs)} multiply-adds a picture")
    amounts = [f"{count(len(run.data.classes))} classes"] if run.data.classes else []
    if train and train.samples:
        amounts.append(f"{count(train.samples)} training pictures")
    return [
        ("Network", run.network_name, ", ".join(size)),
        ("Data", run.data_name, ", ".join(amounts)),
        ("Time", *_time(run)),
    ]


def _time(run: RunFolder) -> tuple[str, str]:
    timed = [epoch.seconds for epoch in run.epochs if epoch.seconds is not None]
    if not timed:
        return "", ""
    epochs = f"{len(run.epochs)} {'epoch' if len(run.epochs) == 1 else 'epochs'}"
    if run.planned_epochs and len(run.epochs) < run.planned_epochs:
        epochs = f"{len(run.epochs)} of {run.planned_epochs} epochs"
    where = run.environment.get("device") or run.config.config.get("device")
    on = f", on {where}" if where else ""
    if where == "cpu":
        threads = run.environment.get("threads")
        on = ", on CPU" + (f" with {threads} {'thread' if threads == 1 else 'threads'}" if threads else "")
    return duration(sum(timed)), epochs + on


def _figures(run: RunFolder) -> list[tuple[str, str]]:
    rates: list[tuple[str, float | None]] = []
    if (found := run.evaluation) is not None:
        rates = [
            ("Top-5 accuracy", found.top5),
            ("Macro F1", found.macro_f1),
            ("Calibration error", found.ece),
        ]
    if (masks := run.masks) is not None:
        rates = [
            ("Mean Dice", masks.mean_dice),
            ("Pixel accuracy", masks.pixel_accuracy),
            ("Mean boundary IoU", masks.mean_boundary_iou),
        ]
    exact = digits(found.samples) if found else 1
    figures = [(name, percent(rate, exact)) for name, rate in rates if rate is not None]
    loss = found.loss if found else masks.loss if masks else None
    return figures + ([("Loss", plain(loss))] if loss is not None else [])


def _notice(run: RunFolder) -> dict[str, str] | None:
    """What a reader must know of a run that has not come to its end, and the command that takes it there."""
    if run.evaluated:
        return None
    done, planned = len(run.epochs), run.planned_epochs
    reached = "This run has not been evaluated."
    if planned is not None and done < planned:
        reached = f"This run has stopped, or is still going, after {done} of {planned} epochs; it has no evaluation."
    return {
        "reached": reached,
        "last": f"The last thing that happened: {run.events[-1].text}." if run.events else "",
        "command": shlex.join(["residua", "resume", str(run.path)]),
    }
