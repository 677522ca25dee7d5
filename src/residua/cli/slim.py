"""`residua slim`: a smaller network from a trained one."""

from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table

from residua.cli.progress import Display
from residua.cli.screen import open_screen, say
from residua.export import slim as slimming
from residua.report import write as write_report
from residua.runs import Run


def slim(
    run: str,
    /,
    *,
    keep: float = 0.8,
    epochs: int | None = None,
    to: Annotated[str | None, Parameter(name="--run")] = None,
    data: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Take out the residual blocks that matter least, train briefly, and show what that gained and cost.

    The run stays as it is; the smaller network is a run of its own.

    Args:
        run: the folder of a run, or its bare name under runs/.
        keep: share of the blocks that stay.
        epochs: of the short training; by default a fifth of the run's.
        to: the new run; by default the old name with -slim.
        data: where the data of the run is now, if it has moved.
        as_json: for machines.
    """
    with Display(open_screen(stderr=True)) as display:
        done, found = slimming.slim(run, keep=keep, to=to, epochs=epochs, data=data, tell=display.tell)
    write_report(done.folder)
    if as_json:
        print(msgspec.json.encode({"run": str(done.folder), **msgspec.to_builtins(found)}).decode())
    else:
        show(open_screen(), done, found)


def show(screen: Console, run: Run, found: slimming.Slimmed) -> None:
    """Print both networks side by side, for a person."""
    names = ", ".join(name for name, _ in found.removed)
    say(screen, f"taken out, the cheapest first: {names}")
    before, after = found.before, found.after
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", style="bold")
    for title in ("before", "after", "change"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_row("blocks", f"{before.blocks:,}", f"{after.blocks:,}", change(before.blocks, after.blocks))
    table.add_row(
        "parameters",
        f"{before.parameters:,}",
        f"{after.parameters:,}",
        change(before.parameters, after.parameters),
    )
    table.add_row(
        "MACs", f"{before.macs / 1e6:,.1f} M", f"{after.macs / 1e6:,.1f} M", change(before.macs, after.macs)
    )
    table.add_row(
        "ms a picture",
        f"{before.milliseconds:.3g}",
        f"{after.milliseconds:.3g}",
        change(before.milliseconds, after.milliseconds),
    )
    points = 100 * (after.accuracy - before.accuracy)
    table.add_row("accuracy", f"{before.accuracy:.2%}", f"{after.accuracy:.2%}", f"{points:+.2f} points")
    screen.print(table)
    say(
        screen,
        f"accuracy on {found.pictures:,} held-out pictures; {found.untrained:.2%} before the short training of "
        f"{found.epochs} epochs",
    )
    say(screen, f"run     {run.folder}")


def change(before: float, after: float) -> str:
    """Return by how much a number has changed.

    >>> change(10, 8)
    '-20 %'
    """
    return f"{100 * (after / before - 1):+.0f} %"
