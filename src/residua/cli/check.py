"""`residua check`: what is wrong with a set of pictures."""

from functools import partial
from typing import Annotated

import msgspec
from cyclopts import Parameter

from residua import data as pictures
from residua.cli.findings import show
from residua.cli.progress import Display
from residua.cli.screen import open_screen


def check(data: str, /, *, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """Read every picture, and say what is wrong: files that cannot be read, leaks between splits, classes.

    Nothing is changed. Exit code 1 when something is wrong.

    Args:
        data: as for train.
        as_json: for machines.
    """
    with Display(open_screen(stderr=True)) as display:
        found = pictures.check(data, tell=partial(display.tell, "reading pictures"))
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        show(open_screen(), found)
    return 0 if found.ok else 1
