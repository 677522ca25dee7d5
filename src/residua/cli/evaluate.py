"""`residua evaluate`: scores of a trained network."""

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table

from residua import training
from residua.runs import load_model, open_run
from residua.training import Evaluation
from residua.training.foreign import load_foreign
from residua.training.recall import own_split

SHOWN = 20
"""Up to this many classes the confusion matrix is printed."""


def evaluate(
    run: str,
    data: str | None = None,
    /,
    *,
    split: str | None = None,
    model: str | None = None,
    device: str = "cpu",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Score a trained network: top-1, top-5, macro F1, calibration, and each class.

    Args:
        run: the folder of a run, or a file of weights together with --model.
        data: pictures with their classes, as for train; by default the data of the run itself.
        split: train, val or test; by default the last of these that there is.
        model: what the weights in a file belong to, such as resnet20_cifar.
        device: to run on.
        as_json: for machines.
    """
    if Path(run).is_file():
        foreign = load_foreign(Path(run), model, data)
        found = training.evaluate(foreign, data or "", split=split, device=device)
    else:
        opened = open_run(run)
        trained = load_model(opened.folder, device)
        pictures, name = own_split(opened, data, split, trained)
        found = training.evaluate_split(trained, pictures, name, device)
    if as_json:
        print(msgspec.json.encode(found).decode())
        return
    show(Console(), found)


def show(console: Console, found: Evaluation) -> None:
    """Print the scores for a person."""
    scores = found.scores
    console.print(f"[bold]{found.data}[/], {found.split}: {scores.samples:,} pictures", highlight=False)
    summary = Table(box=None, show_header=False, pad_edge=False)
    right = round(scores.top1 * scores.samples)
    summary.add_row("top-1 accuracy", f"[bold]{scores.top1:.2%}[/]", f"{right:,} of {scores.samples:,}")
    if scores.top5 is not None:
        summary.add_row(
            "top-5 accuracy",
            f"{scores.top5:.2%}",
            f"{round(scores.top5 * scores.samples):,} of {scores.samples:,}",
        )
    summary.add_row("macro F1", f"{scores.macro_f1:.4f}", f"over {len(scores.classes)} classes")
    summary.add_row("cross-entropy", f"{scores.loss:.4f}", "mean over the pictures")
    summary.add_row("calibration error", f"{scores.ece:.4f}", "15 bins")
    console.print(summary)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", style="bold")
    for title in ("pictures", "precision", "recall", "F1"):
        table.add_column(title, justify="right")
    for one in scores.per_class:
        rates = ("-" if rate is None else f"{rate:.4f}" for rate in (one.precision, one.recall, one.f1))
        table.add_row(one.name, f"{one.samples:,}", *rates)
    console.print(table)
    if len(scores.classes) <= SHOWN:
        matrix = Table(
            box=box.SIMPLE_HEAD, pad_edge=False, title="confusion: rows are the truth", title_justify="left"
        )
        matrix.add_column("", style="bold")
        for name in scores.classes:
            matrix.add_column(name[:6], justify="right")
        for index, (name, row) in enumerate(zip(scores.classes, scores.confusion, strict=True)):
            cells = (
                f"[bold]{n}[/]" if place == index else f"[dim]{n}[/]" if n == 0 else str(n)
                for place, n in enumerate(row)
            )
            matrix.add_row(name, *cells)
        console.print(matrix)
