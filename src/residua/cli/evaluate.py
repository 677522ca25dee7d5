"""`residua evaluate`: scores of a trained network."""

from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from residua import training
from residua.cli.confusion import confusion
from residua.cli.mask_scores import mask_classes, mask_summary
from residua.cli.screen import open_screen
from residua.data.listing import amount
from residua.errors import BadInput
from residua.objective import MaskScores, Scores
from residua.runs import load_model, open_run
from residua.training import Evaluation, MaskEvaluation
from residua.training.foreign import is_foreign, load_foreign


def evaluate(
    run: str,
    data: str | None = None,
    /,
    *,
    weights: str | None = None,
    split: str | None = None,
    model: str | None = None,
    device: str | None = None,
    skip_bad: Annotated[bool, Parameter(negative="")] = False,
    flips: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Score a trained network: top-1, top-5, macro F1, calibration, and each class; of masks IoU, Dice and boundaries.

    Args:
        run: the folder of a run, its bare name under runs/, or weights as for --weights.
        data: pictures with their classes, as for train; by default the data of the run itself.
        weights: a file of weights or hf:OWNER/REPO, with --model; then the pictures are the only other word.
        split: train, val or test; by default the last of these that there is.
        model: what the weights in a file belong to, such as resnet20_cifar.
        device: to run on; by default the fastest here.
        skip_bad: leave out pictures that cannot be read instead of stopping.
        flips: of masks: average what is said of each pixel in a picture and in its mirror image.
        as_json: for machines.
    """
    if weights is not None:
        if data is not None:
            raise BadInput(f"--weights {weights} beside {run} and {data}; give it and the pictures alone")
        run, data = weights, run
    if is_foreign(run):
        foreign = load_foreign(run, model, data)
        found = training.evaluate(foreign, data or "", split=split, device=device, skip_bad=skip_bad)
    else:
        opened = open_run(run)
        trained = load_model(opened.folder)
        if model is not None:
            raise BadInput(
                f"--model {model} says what a file of weights belongs to; {opened.folder} is a run and says "
                f"itself that it is {trained.name}. Leave --model out"
            )
        found = training.evaluate_run(
            opened, trained, data, split=split, skip_bad=skip_bad, device=device, flips=flips
        )
    if as_json:
        print(msgspec.json.encode(found).decode())
        return
    show(open_screen(), found)


def show(screen: Console, found: Evaluation | MaskEvaluation) -> None:
    """Print the scores for a person."""
    scores = found.scores
    counted = f", {found.split}: {amount(scores.samples, 'picture')}"
    screen.print(Text.assemble((found.data, "bold"), counted), soft_wrap=True)
    if found.left_out:
        screen.print(f"{amount(len(found.left_out), 'unreadable picture')} left out; --json names them")
    if isinstance(scores, MaskScores):
        screen.print(mask_summary(scores))
        screen.print(mask_classes(scores))
        return
    screen.print(summary(scores))
    screen.print(by_class(scores))
    screen.print(confusion(scores, screen.width))


def summary(scores: Scores) -> Table:
    """Return each score of the whole split with what it is over."""
    pictures = amount(scores.samples, "picture")

    def rate(share: float) -> str:
        return f"{round(share * scores.samples):,} of {scores.samples:,}"

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("top-1 accuracy", Text(f"{scores.top1:.2%}", style="bold"), rate(scores.top1))
    if scores.top5 is None:
        few = amount(len(scores.classes), "class", "classes")
        table.add_row("top-5 accuracy", "-", f"with {few} five guesses are always right")
    else:
        table.add_row("top-5 accuracy", f"{scores.top5:.2%}", rate(scores.top5))
    averaged = sum(1 for one in scores.per_class if one.samples or one.precision is not None)
    classes = f"mean over {amount(averaged, 'class', 'classes')}"
    table.add_row("macro F1", f"{scores.macro_f1:.4f}", f"{classes}, {pictures}")
    table.add_row("cross-entropy", f"{scores.loss:.4f}", f"mean over {pictures}")
    table.add_row("calibration error", f"{scores.ece:.4f}", f"{pictures} in 15 bins")
    return table


def by_class(scores: Scores) -> Table:
    """Return precision, recall and F1 of each class: precision is over the guesses, recall over the pictures."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", style="bold", overflow="fold")
    for title in ("pictures", "recall", "guesses", "precision", "F1"):
        table.add_column(title, justify="right", no_wrap=True)
    for index, one in enumerate(scores.per_class):
        guesses = sum(row[index] for row in scores.confusion)
        recall, precision, f1 = (
            "-" if rate is None else f"{rate:.4f}" for rate in (one.recall, one.precision, one.f1)
        )
        table.add_row(one.name, f"{one.samples:,}", recall, f"{guesses:,}", precision, f1)
    return table
