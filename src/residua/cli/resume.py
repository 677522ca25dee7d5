"""`residua resume`: go on with a run that was stopped."""

from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from residua import training
from residua.cli.outcome import close
from residua.cli.progress import Display


def resume(
    run: str,
    *,
    data: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Go on from the newest checkpoint, in the middle of an epoch if need be.

    On the CPU the end is that of a run never stopped, bit for bit.

    Args:
        run: its folder.
        data: where the data is now, if it has moved.
        as_json: the result as JSON on standard output.
    """
    console = Console(stderr=as_json)
    with Display(console) as display:
        done, evaluation = training.resume(run, data=data, show=display.show, announce=display.announce)
    close(console, done, evaluation, as_json=as_json)
