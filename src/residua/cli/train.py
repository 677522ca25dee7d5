"""`residua train`: from a folder of photos to a trained network."""

from typing import Annotated

from cyclopts import Parameter

from residua import training
from residua.cli.outcome import close
from residua.cli.progress import Display
from residua.cli.screen import open_screen, speaks
from residua.training import Settings

Flat = Annotated[Settings, Parameter(name="*")]


def train(
    data: str,
    /,
    *,
    settings: Flat = Settings(),  # noqa: B008  # frozen
    run: str | None = None,
    skip_bad: Annotated[bool, Parameter(negative="")] = False,
    exam: Annotated[bool, Parameter(name="--exam", negative="--no-exam")] = True,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Train a network, evaluate it, and write a run folder with a report.

    Class folders give a classifier; pictures with masks give a network that says a class of each pixel.

    `torchrun --nproc-per-node N -m residua train ...` trains it with N processes, with the result of one.

    What is not set is chosen by the data and the machine, said, and written down.

    Args:
        data: "digits" or "scenes", a folder of class folders or of images/ and masks/ (in train/, val/, test/ or not),
            or a .csv / .parquet table.
        settings: of the training.
        run: the run folder: a path if it has a slash in it, else a name under runs/; by default a new name.
        skip_bad: leave out pictures that cannot be read instead of stopping.
        exam: look at the network before the first step and while it trains; do not begin what cannot train.
        as_json: the result as JSON on standard output, the progress on standard error.
    """
    screen = open_screen(stderr=as_json)
    with Display(screen) as display:
        done, evaluation = training.train(
            data,
            settings,
            run=run,
            skip_bad=skip_bad,
            exam=exam,
            tell=display.tell,
            announce=display.announce,
            show=display.show,
        )
    if speaks():
        close(screen, done, evaluation, as_json=as_json)
