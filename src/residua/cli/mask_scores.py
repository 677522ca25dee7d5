"""The scores of masks as tables on a terminal."""

from rich import box
from rich.table import Table
from rich.text import Text

from residua.data.listing import amount
from residua.objective import MaskScores


def mask_summary(scores: MaskScores) -> Table:
    """Return each score of the whole split with what it is over."""
    averaged = sum(one.iou is not None for one in scores.per_class)
    classes = f"mean over {amount(averaged, 'class', 'classes')}"
    pixels = f"{scores.pixels:,} pixels, {scores.void:,} of no class left out"
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("mean IoU", Text(f"{scores.mean_iou:.4f}", style="bold"), classes)
    table.add_row("mean Dice", f"{scores.mean_dice:.4f}", classes)
    table.add_row("boundary IoU", share(scores.mean_boundary_iou), f"{classes}, near their edges")
    table.add_row("pixel accuracy", f"{scores.pixel_accuracy:.2%}", pixels)
    table.add_row("cross-entropy", f"{scores.loss:.4f}", "mean over pixels")
    return table


def mask_classes(scores: MaskScores) -> Table:
    """Return IoU, Dice and boundary IoU of each class, with its pixels in truth and prediction."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", style="bold", overflow="fold")
    for title in ("pixels", "predicted", "IoU", "Dice", "boundary IoU"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in scores.per_class:
        shares = map(share, (one.iou, one.dice, one.boundary_iou))
        table.add_row(one.name, f"{one.pixels:,}", f"{one.guesses:,}", *shares)
    return table


def share(value: float | None) -> str:
    """Return a share as a person reads it.

    >>> share(0.5), share(None)
    ('0.5000', '-')
    """
    return "-" if value is None else f"{value:.4f}"
