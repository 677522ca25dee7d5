"""The confusion matrix on a screen: by the names of the classes, or by their numbers where names do not fit."""

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.table import Table
from rich.text import Text

from residua.objective import Scores

LONGEST = 24
"""Characters that are shown of the name of a class beside its number."""


def confusion(scores: Scores, width: int) -> Group | Text:
    """Return how often each class was taken for each other, or where that does not fit, a word about it.

    Args:
        scores: over the whole split.
        width: of the screen, in characters.
    """
    names = list(scores.classes)
    numbers = [str(number) for number in range(1, len(names) + 1)]
    numbered = [
        f"{number} {set_cell_size(name, LONGEST).strip()}"
        for number, name in zip(numbers, names, strict=True)
    ]
    for heads, labels in ((names, names), (numbers, numbered)):
        if needed(heads, labels, scores) <= width:
            title = Text("confusion: rows are the truth, columns the guess", "italic")
            return Group(title, table(heads, labels, scores))
    return Text(f"the confusions of {len(names):,} classes need a wider screen; --json has them")


def needed(heads: list[str], labels: list[str], scores: Scores) -> int:
    """Return how many characters the table takes across."""
    columns = zip(heads, *(map(str, row) for row in scores.confusion), strict=True)
    return 2 + max(map(cell_len, labels)) + sum(2 + max(map(cell_len, column)) for column in columns)


def table(heads: list[str], labels: list[str], scores: Scores) -> Table:
    """Return the table: what is right in bold, what never happened faint."""
    matrix = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    matrix.add_column("", style="bold", no_wrap=True)
    for head in heads:
        matrix.add_column(Text(head), justify="right", no_wrap=True)
    for index, (label, row) in enumerate(zip(labels, scores.confusion, strict=True)):
        styles = ["bold" if place == index else "" if count else "dim" for place, count in enumerate(row)]
        cells = (Text(str(count), style) for count, style in zip(row, styles, strict=True))
        matrix.add_row(Text(label), *cells)
    return matrix
