"""`residua check`: what is wrong with a set of pictures, with labels or with masks."""

from functools import partial
from typing import Annotated

import msgspec
from cyclopts import Parameter

from residua import data as pictures
from residua.cli.findings import show
from residua.cli.mask_findings import show_masks
from residua.cli.progress import Display
from residua.cli.screen import open_screen
from residua.data import CheckReport, is_mask_data
from residua.data.masks import MaskCheckReport, check_masks, names_from, values_from
from residua.errors import BadData


def check(
    data: str,
    /,
    *,
    classes: str | None = None,
    void: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Read every picture, and say what is wrong: files that cannot be read, leaks between splits, classes.

    Of pictures with masks it says what the values of the masks mean, and which files do not belong together.
    Nothing is changed. Exit code 1 when something is wrong.

    Args:
        data: as for train.
        classes: names of the classes of masks, with commas between them, or a file of them.
        void: values or colours of masks that stand for no class, with commas between them: 255 or #ff00ff.
        as_json: for machines.
    """
    names, values = names_from(classes), values_from(void)
    with Display(open_screen(stderr=True)) as display:
        found: CheckReport | MaskCheckReport
        if is_mask_data(data):
            found = check_masks(data, classes=names, void=values, tell=display.tell)
        else:
            if names or values:
                raise BadData(f"--classes and --void are for masks, and {data} has none that are found")
            found = pictures.check(data, tell=partial(display.tell, "reading pictures"))
    if as_json:
        print(msgspec.json.encode(found).decode())
    elif isinstance(found, MaskCheckReport):
        show_masks(open_screen(), found)
    else:
        show(open_screen(), found)
    return 0 if found.ok else 1
