"""`residua predict`: what is in single pictures, or where in them."""

from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich import box
from rich.table import Table
from rich.text import Text

from residua import training
from residua.cli.screen import open_screen, say
from residua.runs import load_model, open_run
from residua.training import MaskPrediction, Prediction


def predict(
    run: str,
    /,
    *files: str,
    top: int = 3,
    out: str | None = None,
    flips: Annotated[bool, Parameter(negative="")] = False,
    device: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Name the likeliest classes of pictures, or write the masks of pictures of any size.

    Exit code 1 when a picture could not be read; the others are still answered.

    Args:
        run: the folder of a run, or its bare name under runs/.
        files: pictures or folders.
        top: how many classes to name.
        out: folder for the masks, for overlays and for the table of areas; by default predictions/ in the run.
        flips: average what is said of each pixel in a picture and in its mirror image: better, and twice the time.
        device: to run on; by default the fastest here.
        as_json: for machines, one object a line.
    """
    opened = open_run(run)
    model = load_model(opened.folder)
    masks = model.task == "segmentation"
    folder = str(opened.folder / "predictions") if masks and out is None else out
    table = empty_table(masks)
    unread = 0
    for found in training.predict(model, files, top=top, device=device, out=folder, flips=flips):
        unread += found.error is not None
        if as_json:
            print(msgspec.json.encode(described(found)).decode())
        elif found.error is not None:
            table.add_row(found.file, Text("not read", style="red"), "", found.error)
        else:
            table.add_row(*row(found, top))
    if not as_json:
        open_screen().print(table)
        if masks:
            say(open_screen(), f"masks, overlays and areas.csv are in {folder}")
    return 1 if unread else 0


def empty_table(masks: bool) -> Table:
    """Return the table with its columns and no rows."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("file", style="bold", overflow="fold")
    table.add_column("most of it" if masks else "class", overflow="fold")
    table.add_column("area" if masks else "probability", justify="right")
    table.add_column("then", overflow="fold")
    return table


def row(found: Prediction | MaskPrediction, top: int) -> tuple[str, str, str, str]:
    """Return what is said of one picture: the first class with its share, and those that follow."""
    if isinstance(found, Prediction):
        ranked = list(zip(found.classes, found.probabilities, strict=True))
    else:
        areas = sorted(found.areas, key=lambda area: -area.pixels)
        ranked = [(area.name, area.share) for area in areas[:top] if area.pixels]
    rest = ", ".join(f"{name} {share:.1%}" for name, share in ranked[1:])
    return found.file, ranked[0][0], f"{ranked[0][1]:.1%}", rest


def described(found: Prediction | MaskPrediction) -> object:
    """Return what a program is told of one picture."""
    if isinstance(found, Prediction):
        return found
    return {
        "file": found.file,
        "height": found.height,
        "width": found.width,
        "areas": found.areas,
        "masks": found.masks,
        "overlay": found.overlay,
        "error": found.error,
    }
