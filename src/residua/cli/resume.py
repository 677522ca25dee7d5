"""`residua resume`: go on with a run that was stopped."""

from typing import Annotated

from cyclopts import Parameter

from residua import training
from residua.cli.outcome import close
from residua.cli.progress import Display
from residua.cli.screen import open_screen, speaks
from residua.training.recipe import Memory


def resume(
    run: str,
    /,
    *,
    data: str | None = None,
    device: str | None = None,
    memory: Memory | None = None,
    workers: int | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Go on from the newest checkpoint, in the middle of an epoch if need be.

    On the CPU the end is that of a run never stopped, bit for bit.

    Args:
        run: its folder, or its bare name under runs/.
        data: where the data is now, if it has moved.
        device: to go on with, if it is not the one that the run began on.
        memory: what is kept for the gradient from here on: "plain", "lean" or "least".
        workers: processes that read pictures from here on.
        as_json: the result as JSON on standard output.
    """
    screen = open_screen(stderr=as_json)
    with Display(screen) as display:
        done, evaluation = training.resume(
            run,
            data=data,
            device=device,
            memory=memory,
            workers=workers,
            tell=display.tell,
            announce=display.announce,
            show=display.show,
        )
    if speaks():
        close(screen, done, evaluation, as_json=as_json)
