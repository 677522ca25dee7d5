"""`residua predict`: what is in single pictures."""

from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich import box
from rich.table import Table
from rich.text import Text

from residua.cli.screen import open_screen, say
from residua.export import answer
from residua.export.fastest import open_fastest


def predict(
    run: str,
    /,
    *files: str,
    top: int = 3,
    device: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Name the likeliest classes of pictures, or of all pictures in folders.

    Exit code 1 when a picture could not be read; the others are still answered.

    Args:
        run: the folder of a run, its bare name under runs/, or a file that `residua export` wrote.
        files: pictures or folders.
        top: how many classes to name.
        device: to run on in PyTorch; by default the fastest runtime and device here, timed once.
        as_json: for machines, one object a line.
    """
    program = open_fastest(run, device=device)
    say(open_screen(stderr=True), f"with {program.runtime}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("file", style="bold", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("probability", justify="right")
    table.add_column("then", overflow="fold")
    unread = 0
    for found in answer.predict(program, files, top=top):
        unread += found.error is not None
        if as_json:
            print(msgspec.json.encode(found).decode())
        elif found.error is not None:
            table.add_row(found.file, Text("not read", style="red"), "", found.error)
        else:
            ranked = list(zip(found.classes, found.probabilities, strict=True))
            rest = ", ".join(f"{name} {share:.1%}" for name, share in ranked[1:])
            table.add_row(found.file, ranked[0][0], f"{ranked[0][1]:.1%}", rest)
    if not as_json:
        open_screen().print(table)
    return 1 if unread else 0
