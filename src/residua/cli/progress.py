"""What a person sees while a network trains: a live bar on a terminal, plain lines in a log."""

import time
from types import TracebackType
from typing import Final, final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from residua.cli.screen import say
from residua.data import Source
from residua.data.listing import amount
from residua.data.masks import MaskSource
from residua.runs import EpochRow, EventRow, Row, Run, StepRow
from residua.training import Recipe

LOG_SECONDS: Final = 30
"""How often a log gets a line inside a long epoch."""

LOSSES: Final = {
    "ce": "cross-entropy",
    "dice": "Dice",
    "ce+dice": "cross-entropy and Dice",
    "focal": "focal",
    "boundary": "cross-entropy, weighted at boundaries",
}
OPTIMIZERS: Final = {"sgd": "SGD", "adamw": "AdamW", "muon": "Muon"}


@final
class Display:
    """Shows a training as it goes on.

    Args:
        screen: to write to.
    """

    def __init__(self, screen: Console) -> None:
        self.screen = screen
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[seen]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=screen,
            transient=True,
            expand=True,
            disable=not screen.is_terminal,
        )
        self.task = self.bar.add_task("", total=None, seen="")
        self.doing: str | None = None
        self.epochs = 0
        self.batch = 0
        self.epoch_began = (0, time.monotonic())
        self.score = ""
        self.spoke_at = time.monotonic()

    def __enter__(self) -> "Display":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def tell(self, doing: str, done: int, total: int) -> None:
        """Show what is done before and after the training; a log gets one line for each."""
        if doing != self.doing:
            self.begin(doing, total)
            if not self.screen.is_terminal:
                self.say(f"{doing}: {total:,}" if total else doing)
        self.bar.update(self.task, completed=done, seen=f"{done:,} of {total:,}" if total else "")

    def begin(self, doing: str, total: int) -> None:
        """Start the bar anew."""
        self.doing = doing
        self.bar.remove_task(self.task)
        self.task = self.bar.add_task(doing, total=total or None, seen="")
        self.epoch_began = (0, time.monotonic())

    def announce(self, recipe: Recipe, chosen: dict[str, str], source: Source | MaskSource, run: Run) -> None:
        """Say what is going to be done, and why what was left open was chosen so."""
        counts = ", ".join(f"{len(split):,} {name}" for name, split in source.splits.items())
        classes = amount(len(source.classes), "class", "classes")
        self.screen.print(Text.assemble((source.name, "bold"), f": {classes}, {counts} pictures"))
        for note in source.notes:
            say(self.screen, note, indent=2)
        self.screen.print(decisions(recipe, chosen))
        settings = amount(len(chosen), "setting was", "settings were")
        say(self.screen, f"{settings} chosen for you; {run.config} says which and why")
        self.epochs = recipe.epochs
        self.batch = recipe.batch_size * recipe.accumulate
        steps = -(-(len(source.splits["train"]) // recipe.batch_size or 1) // recipe.accumulate)
        self.begin("training", recipe.epochs * steps)

    def show(self, row: Row) -> None:
        """Show one row as it is measured."""
        match row:
            case StepRow():
                self.show_step(row)
            case EpochRow():
                self.show_epoch(row)
            case EventRow():
                self.bar.update(self.task, completed=row.step)
                self.epoch_began = (row.step, time.monotonic())
                self.say(row.text)

    def show_step(self, row: StepRow) -> None:
        """Move the bar: epoch, loss, the last validation accuracy, speed."""
        step, began = self.epoch_began
        rate = (row.step - step) * self.batch / max(time.monotonic() - began, 1e-9)
        parts = (f"loss {row.loss:.3f}", self.score, f"{rate:,.0f} images/s")
        self.bar.update(
            self.task,
            completed=row.step,
            description=f"epoch {row.epoch}/{self.epochs}",
            seen=" ".join(filter(None, parts)),
        )
        if not self.screen.is_terminal and time.monotonic() - self.spoke_at > LOG_SECONDS:
            self.say(f"epoch {row.epoch} step {row.step} loss {row.loss:.4f}")

    def show_epoch(self, row: EpochRow) -> None:
        """Write the line of an epoch."""
        trained = "" if row.train_accuracy is None else f" train {row.train_accuracy:.2%}"
        self.score = f"val {row.val_accuracy:.2%}"
        if row.val_mean_iou is not None:
            self.score += f" mean IoU {row.val_mean_iou:.4f}"
        self.epoch_began = (row.step, time.monotonic())
        self.say(
            f"epoch {row.epoch:>3}/{self.epochs} loss {row.train_loss:.4f}{trained} {self.score} "
            f"lr {row.lr:.3g} {row.images_per_second:,.0f} images/s"
        )

    def say(self, line: str) -> None:
        """Write a plain line."""
        self.spoke_at = time.monotonic()
        say(self.screen, line)


def tuning(recipe: Recipe) -> tuple[tuple[str, str, str], ...]:
    """Return what else matters to a training that begins with weights."""
    if not recipe.weights:
        return ()
    return (
        ("weights", recipe.weights, "weights"),
        ("frozen", amount(recipe.frozen, "epoch"), "frozen"),
        ("body", f"{recipe.body_lr:g} of the rate", "body_lr"),
        ("norms", recipe.norms, "norms"),
    )


def of_masks(recipe: Recipe) -> tuple[tuple[str, str, str], ...]:
    """Return what matters where pictures have masks."""
    if not recipe.crop:
        return ()
    seen = f"{recipe.scale:.0%} of their size" if recipe.scale < 1 else "their own size"
    return (
        ("seen", f"pieces of {recipe.crop} pixels", "crop"),
        ("scale", seen, "scale"),
        ("loss", LOSSES[recipe.loss], "loss"),
    )


def decisions(recipe: Recipe, chosen: dict[str, str]) -> Table:
    """Return what matters most in a recipe, each with its reason."""
    optimizer = f"{OPTIMIZERS[recipe.optimizer]} at {recipe.lr:.3g}"
    precision = "bfloat16" if recipe.amp else "float32"
    rows = (
        ("network", recipe.model, "model"),
        ("epochs", f"{recipe.epochs:,}", "epochs"),
        ("batch", amount(recipe.batch_size, "picture"), "batch_size"),
        ("rate", optimizer, "lr"),
        *of_masks(recipe),
        ("device", f"{recipe.device}, {precision}", "device"),
        *tuning(recipe),
    )
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(style="dim")
    for title, value, name in rows:
        table.add_row(f"  {title}", value, chosen.get(name, "as asked"))
    return table
