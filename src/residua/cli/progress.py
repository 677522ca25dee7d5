"""What a person sees while a network trains: a live bar on a terminal, plain lines in a log."""

import time
from types import TracebackType
from typing import final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from residua.data import Source
from residua.runs import EpochRow, Row, Run, StepRow
from residua.training import Recipe

LOG_SECONDS = 30
"""How often a log gets a line inside a long epoch."""


@final
class Display:
    """Shows a training as it goes on.

    Args:
        console: to write to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[seen]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("training", total=None, seen="")
        self.epochs = 0
        self.spoke_at = time.monotonic()

    def __enter__(self) -> "Display":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def announce(self, recipe: Recipe, chosen: dict[str, str], source: Source, run: Run) -> None:
        """Say what is going to be done, and what was chosen for the user."""
        counts = ", ".join(f"{len(split):,} {name}" for name, split in source.splits.items())
        say = self.console.print
        say(f"[bold]{source.name}[/]: {len(source.classes)} classes, {counts} pictures")
        for note in source.notes:
            say(f"  {note}", markup=False)
        say(
            f"[bold]{recipe.model}[/] at {recipe.image_size} × {recipe.image_size}, {recipe.epochs} epochs of "
            f"batches of {recipe.batch_size}, {recipe.optimizer.upper()} at {recipe.lr:g}, "
            f"{'bfloat16' if recipe.amp else 'float32'} on {recipe.device}"
        )
        say(f"  {len(chosen)} settings were chosen for you; {run.config} says which and why", markup=False)
        self.epochs = recipe.epochs
        steps = -(-(len(source.splits["train"]) // recipe.batch_size or 1) // recipe.accumulate)
        self.bar.update(self.task, total=recipe.epochs * steps)

    def show(self, row: Row) -> None:
        """Show one row as it is measured."""
        if isinstance(row, StepRow):
            self.bar.update(
                self.task, completed=row.step, description=f"epoch {row.epoch}", seen=f"loss {row.loss:.3f}"
            )
            if not self.console.is_terminal and time.monotonic() - self.spoke_at > LOG_SECONDS:
                self.say(f"epoch {row.epoch} step {row.step} loss {row.loss:.4f}")
        elif isinstance(row, EpochRow):
            trained = "" if row.train_accuracy is None else f" train {row.train_accuracy:.2%}"
            self.say(
                f"epoch {row.epoch:>3}/{self.epochs} loss {row.train_loss:.4f}{trained} "
                f"val {row.val_accuracy:.2%} lr {row.lr:.4f} {row.images_per_second:,.0f} images/s {row.seconds:.1f} s"
            )

    def say(self, line: str) -> None:
        """Write a plain line."""
        self.spoke_at = time.monotonic()
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)
