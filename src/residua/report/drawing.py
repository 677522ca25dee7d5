"""How every drawn figure looks: it must read on paper, on a dark screen, and by colour-blind eyes."""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from residua.files import replacing

# Okabe & Ito 2008. One network keeps one colour in all the figures.
PLAIN: Final = "#D55E00"
RESIDUAL: Final = "#0072B2"
THIRD: Final = "#009E73"
FOURTH: Final = "#CC79A7"
FIFTH: Final = "#E69F00"
SIXTH: Final = "#56B4E9"
INK: Final = "#7B7B7B"  # the grey with about 4.2 : 1 on white and on near-black alike

SIZE: Final = re.compile(r'<svg\b([^>]*?) width="[^"]*" height="[^"]*"')

STYLE: Final[dict[Any, Any]] = {  # matplotlib types the keys as a union that changes with its version
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.dpi": 150,
    "svg.fonttype": "path",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
}


def drawn(draw: Callable[[Figure], None], size: tuple[float, float]) -> Figure:
    """Return a figure of `size` inches that `draw` has filled, in one style and on no ground."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
    return figure


def panels(figure: Figure, *titles: str, rows: int = 1) -> list[Axes]:
    """Return one panel beside the other, in one row or more, each headed by its message."""
    columns = -(-len(titles) // rows)
    axes = [figure.add_subplot(rows, columns, place) for place in range(1, len(titles) + 1)]
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
    return axes


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG or PNG, by the name of the file; the same figure gives the same bytes."""
    kind = path.suffix.removeprefix(".")
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with mpl.rc_context(STYLE | {"svg.hashsalt": path.stem}), replacing(path) as temporary:
        figure.savefig(temporary, format=kind, metadata=metadata)


def svg(figure: Figure, name: str, *, words: str) -> Markup:
    """Return a figure as SVG for inside a page: its ink takes the colour of the text, its width that of the page.

    Args:
        figure: from `drawn`.
        name: makes the identities within it differ from those of the page's other figures.
        words: what it shows, for those who cannot see it.
    """
    buffer = BytesIO()
    with mpl.rc_context(STYLE | {"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue().decode()
    drawing = text[text.index("<svg") :].replace(INK.lower(), "currentColor")
    # On a phone the figure scrolls: letters of 4 pixels help nobody.
    fitted = Markup('<svg role="img" aria-label="{}" style="width: 100%; min-width: 46rem; height: auto"')
    opening = fitted.format(words)
    drawing = SIZE.sub(lambda found: opening + found[1], drawing, count=1)
    return Markup('<div class="scroll" tabindex="0">{}</div>').format(Markup(drawing))
