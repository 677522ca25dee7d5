"""How the training went, epoch by epoch, and how fast."""

from collections.abc import Callable, Sequence
from statistics import median

from markupsafe import Markup

from residua.report.charts import (
    NUMBER,
    SECONDS,
    SHARE,
    Along,
    Line,
    Mark,
    Point,
    Scale,
    Unit,
    line_chart,
    thin,
)
from residua.report.folder import Epoch, Event, RunFolder, Step
from residua.report.numbers import count, duration, percent
from residua.report.page import Section, fill


def curves(run: RunFolder) -> Section | None:
    """Return accuracy, loss, learning rate and gradient norm over the epochs, with the events of the run."""
    marks = [Mark(event.step / _scale(run), event.text) for event in run.events]
    rate = _by_step(run, lambda row: row.lr) or _by_epoch(run, lambda row: row.lr)
    norm = _by_step(run, lambda row: row.gradient_norm)
    charts = [
        _mean_iou(run, marks) if run.segments else "",
        _accuracy(run, marks),
        _loss(run, marks),
        _from_zero("Learning rate", [Line("rate", rate, said="highest")], _along(run), marks=marks),
        _from_zero("Gradient norm, before clipping", [Line("norm", norm)], _along(run), marks=marks),
    ]
    if not any(charts):
        return None
    values = {"charts": list(filter(None, charts)), "epochs": run.epochs, "events": happened(run)}
    values["segments"] = run.segments
    return Section("training", "Training", fill("training.html", values), _story(run))


def happened(run: RunFolder) -> list[tuple[str, Event]]:
    """Return the events of the run, each with its place in words."""
    epochs = [f"epoch {event.step / _scale(run):.3g}, " if run.epochs else "" for event in run.events]
    return [
        (f"{epoch}step {count(event.step)}", event) for epoch, event in zip(epochs, run.events, strict=True)
    ]


def speed(run: RunFolder) -> Section | None:
    """Return the time of each epoch and the pictures a second."""
    seconds = _by_epoch(run, lambda row: row.seconds)
    rates = _by_epoch(run, lambda row: row.images_per_second)
    charts = [
        _from_zero("Time of an epoch", [Line("time", seconds)], _along(run), unit=SECONDS),
        _from_zero("Pictures a second", [Line("speed", rates)], _along(run)),
    ]
    if not any(charts):
        return None
    said = []
    if known := [value for _, value in seconds if value is not None]:
        said.append(f"{duration(median(known))} an epoch")
    if known := [value for _, value in rates if value is not None]:
        said.append(f"{median(known):,.0f} pictures a second")
    body = fill("charts.html", {"charts": list(filter(None, charts))})
    return Section("speed", "Speed", body, f"Typical (the median): {', '.join(said)}.")


def _mean_iou(run: RunFolder, marks: Sequence[Mark]) -> Markup:
    line = Line("validation", _by_epoch(run, lambda row: row.val_mean_iou))
    return _shares("Mean IoU", [line], run, marks)


def _accuracy(run: RunFolder, marks: Sequence[Mark]) -> Markup:
    lines = [
        Line("training", _by_epoch(run, lambda row: row.train_accuracy), "second"),
        Line("validation", _by_epoch(run, lambda row: row.val_accuracy)),
    ]
    return _shares("Pixel accuracy" if run.segments else "Accuracy", lines, run, marks)


def _shares(title: str, lines: Sequence[Line], run: RunFolder, marks: Sequence[Mark]) -> Markup:
    values = _values(lines)
    # At least 20 points high, or the noise of a flat curve would look like news.
    scale = Scale.around([*values, max(0.0, max(values, default=1.0) - 0.2)])
    scale = scale.ending(scale.low, min(scale.high, 1.0))
    return line_chart(title, lines, along_x=_along(run), y=scale, unit=SHARE, marks=marks)


def _loss(run: RunFolder, marks: Sequence[Mark]) -> Markup:
    minimised = str(run.config.config.get("loss") or "ce")
    # What masks are trained on may be another loss than the cross-entropy that validation measures.
    same = minimised == "ce"
    lines = [
        Line("each step", _by_step(run, lambda row: row.loss), "faint"),
        Line(
            "training" if same else f"training ({minimised})",
            _by_epoch(run, lambda row: row.train_loss),
            "second",
        ),
        Line(
            "validation" if same else "validation (cross-entropy)", _by_epoch(run, lambda row: row.val_loss)
        ),
    ]
    return _from_zero("Loss (cross-entropy)" if same else "Loss", lines, _along(run), marks=marks)


def _from_zero(
    title: str, lines: Sequence[Line], along_x: Along, *, unit: Unit = NUMBER, marks: Sequence[Mark] = ()
) -> Markup:
    scale = Scale.around([0.0, *_values(lines)])
    return line_chart(title, lines, along_x=along_x, y=scale, unit=unit, marks=marks)


def _by_epoch(run: RunFolder, value: Callable[[Epoch], float | None]) -> list[Point]:
    return [(float(row.epoch), value(row)) for row in run.epochs]


def _by_step(run: RunFolder, value: Callable[[Step], float | None]) -> list[Point]:
    return thin([(row.step / _scale(run), value(row)) for row in run.steps])


def _scale(run: RunFolder) -> float:
    """The steps of an epoch; before the end of the first one nobody knows, and a step is the unit."""
    last = run.epochs[-1] if run.epochs else None
    return last.step / last.epoch if last and last.step and last.epoch else 1.0


def _along(run: RunFolder) -> Along:
    """One axis for every chart of the run, so that they can be read one above the other."""
    ends = [row.step / _scale(run) for row in run.steps[-1:]] + [float(row.epoch) for row in run.epochs[-1:]]
    return Along("epoch" if run.epochs else "step", max(ends, default=0.0))


def _values(lines: Sequence[Line]) -> list[float]:
    values = [value for line in lines for _, value in line.points]
    return [value for value in values if value is not None and abs(value) < float("inf")]


def _story(run: RunFolder) -> str:
    """The curves in two sentences."""
    epochs = run.epochs
    name = "mean IoU" if run.segments else "accuracy"
    values = ((epoch.val_mean_iou if run.segments else epoch.val_accuracy, epoch.epoch) for epoch in epochs)
    scored = [(value, epoch) for value, epoch in values if value is not None]
    if not scored:
        return "" if epochs else "The run stopped before the end of its first epoch."
    last = epochs[-1]
    best, at = max(scored, key=lambda pair: (pair[0], -pair[1]))
    story = f"Validation {name} ends at {percent(scored[-1][0])}"
    if percent(best) != percent(scored[-1][0]):
        story += f"; its best was {percent(best)} after epoch {at}"
    story += "."
    if last.train_accuracy is not None and last.val_accuracy is not None:
        gap = 100 * (last.train_accuracy - last.val_accuracy)
        side = "above" if gap > 0 else "below"
        kind = "Training pixel accuracy" if run.segments else "Training accuracy"
        it = "that of validation" if run.segments else "it"
        story += f" {kind} ends {abs(gap):.1f} points {side} {it}."
    return story
