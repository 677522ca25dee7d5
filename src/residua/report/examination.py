"""An examination as a page: the verdict, the causes, what was tried, and the network layer by layer."""

import math
from collections.abc import Sequence
from typing import Final

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from residua.exam import Bands, Cause, Depths, Examination, depths
from residua.report.drawing import INK, PLAIN, RESIDUAL, THIRD, drawn, panels, svg
from residua.report.page import Section, fill, render

WORDS: Final = {
    "trains": "It trains.",
    "slow": "It trains slowly, if at all.",
    "does not train": "It does not train.",
}
FLOOR: Final = 1e-30
"""What is below is drawn there: a logarithm knows no zero."""


def examination_page(name: str, words: str, found: Examination, bands: Bands | None = None) -> str:
    """Return the page of an examination, which opens offline.

    Args:
        name: of the model, as the user gave it.
        words: what it was looked at with.
        found: the examination.
        bands: what healthy copies of it look like; without them the curves stand alone.
    """
    own = depths(found.diagnosis.seen)
    sections = [
        Section("causes", "What stands in the way", causes(found.causes), lead_of(found)),
        Section("tried", "What was tried on a copy", remedies(found)),
        Section("depth", "Layer by layer", pictures(own, bands), lead_of_pictures(bands)),
    ]
    if found.diagnosis.probed:
        sections.append(
            Section(
                "probe",
                "A few steps",
                steps(found),
                "Twelve steps on a copy, each way; where they teach little, one of them goes on.",
            )
        )
    if found.notes:
        sections.append(Section("notes", "Worth knowing", causes(found.notes)))
    opening = fill(
        "examination.html",
        {
            "verdict": WORDS[found.verdict],
            "probability": found.probability,
            "steps": f"{found.diagnosis.steps:,}",
            "words": words,
        },
    )
    return render(
        name, [section for section in sections if section.body], subtitle="The exam", opening=opening
    )


def lead_of(found: Examination) -> str:
    """Return what the list of causes is."""
    return "The most harmful first." if len(found.causes) > 1 else ""


def causes(found: Sequence[Cause]) -> Markup:
    """Return causes as a list, each with its place and its evidence."""
    if not found:
        return Markup("<p>Nothing was found.</p>")
    line = Markup('<li><b>{}</b>{}<span class="evidence">{}</span></li>')
    place = Markup(" from <code>{}</code>")
    return Markup('<ol class="causes">{}</ol>').format(
        Markup().join(
            line.format(cause.name, place.format(cause.layer) if cause.layer else "", cause.evidence)
            for cause in found
        )
    )


def remedies(found: Examination) -> Markup:
    """Return what was tried and kept, each with what it did."""
    if not found.remedies:
        return (
            Markup("<p>Nothing that was tried helps; the causes need a person.</p>")
            if found.causes
            else Markup()
        )
    line = Markup(
        '<li><b>{}</b><span class="evidence">probability {:.0%} → {:.0%}, coherence {:.2f} → {:.2f}; '
        "then the verdict is “{}”</span></li>"
    )
    return Markup('<ol class="causes">{}</ol>').format(
        Markup().join(
            line.format(r.words, r.before, r.after, r.coherence_before, r.coherence_after, r.verdict)
            for r in found.remedies
        )
    )


def lead_of_pictures(bands: Bands | None) -> str:
    """Return how to read the pictures."""
    if bands is None:
        return "From the input, on the left, to the output."
    return (
        "From the input, on the left, to the output. The band is what is healthy for this architecture at this "
        f"depth: {bands.words}."
    )


def pictures(own: Depths, bands: Bands | None) -> Markup:
    """Return signal, gradient and coherence by depth."""

    def draw(figure: Figure) -> None:
        axes = panels(figure, "Signal", "Gradient", "Coherence of the gradient")
        for axis, curve in zip(axes, ("signal", "gradient", "coherence"), strict=True):
            limits = (getattr(bands.low, curve), getattr(bands.high, curve)) if bands else None
            curves(axis, getattr(own, curve), limits, logarithmic=curve != "coherence")
        axes[0].set_ylabel("mean square")
        axes[1].set_ylabel("mean square")
        axes[2].set_ylabel("cosine after a small step")
        axes[2].set_ylim(-0.35, 1.05)

    figure = drawn(draw, (10, 3.6))
    return svg(figure, "depth", words="signal, gradient and coherence of the gradient at each layer")


def curves(
    axis: Axes,
    values: Sequence[float],
    limits: tuple[Sequence[float], Sequence[float]] | None,
    *,
    logarithmic: bool,
) -> None:
    """Draw one curve over its band."""
    places = range(1, len(values) + 1)
    if limits is not None:
        low, high = ([floored(v) if logarithmic else v for v in limit] for limit in limits)
        axis.fill_between(places, low, high, color=THIRD, alpha=0.25, linewidth=0, label="healthy copies")
        axis.plot(places, low, color=THIRD, linewidth=0.8)
        axis.plot(places, high, color=THIRD, linewidth=0.8)
    shown = [floored(v) if logarithmic else v for v in values]
    axis.plot(places, shown, color=RESIDUAL, marker="o", markersize=2.5, label="this network")
    if logarithmic:
        axis.set_yscale("log")
    axis.set_xlabel("layer, from the input")
    axis.set_xlim(1, max(2, len(values)))
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    axis.legend(loc="best")


def floored(value: float) -> float:
    """Return a value that has a logarithm.

    >>> floored(0.0), floored(2.0), floored(math.inf)
    (1e-30, 2.0, nan)
    """
    return max(value, FLOOR) if math.isfinite(value) else math.nan


def steps(found: Examination) -> Markup:
    """Return the losses of the probe."""

    def draw(figure: Figure) -> None:
        (axis,) = panels(figure, "Loss, step by step, each on other samples")
        colours = (THIRD, RESIDUAL, PLAIN)
        for row, colour in zip(found.diagnosis.probed, colours, strict=False):
            lost = ", then no number any more" if row.lost else ""
            axis.plot(
                range(len(row.losses)),
                row.losses,
                color=colour,
                marker="o",
                markersize=3,
                label=f"{row.kind} {row.lr:g}: {100 * row.drop:.0f} % gone{lost}",
            )
        start = found.diagnosis.probed[0].losses[:1]
        if start:
            axis.axhline(start[0], color=INK, linewidth=0.8, linestyle=":")
            axis.set_ylim(0, 2.5 * start[0])
        axis.set_xlabel("step")
        axis.set_ylabel("loss")
        axis.legend(loc="best")

    return svg(
        drawn(draw, (10, 3.2)),
        "probe",
        words="the loss at each step of the probe, at each rate that was tried",
    )
