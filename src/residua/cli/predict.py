"""`residua predict`: what is in single pictures, or where in them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich import box
from rich.table import Table
from rich.text import Text

from residua.cli.screen import open_screen, say
from residua.errors import BadInput
from residua.export import answer
from residua.export.fastest import folder_of, open_fastest
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
        run: the folder of a run, its bare name under runs/, or a file that `residua export` wrote.
        files: pictures or folders.
        top: how many classes to name.
        out: folder for the masks, for overlays and for the table of areas; by default predictions/ in the run, or
            beside an exported file.
        flips: average what is said of each pixel in a picture and in its mirror image: better, and twice the time.
        device: to run on in PyTorch; by default the fastest runtime and device here, timed once.
        as_json: for machines, one object a line.
    """
    predictions, folder = opened(run, files, top=top, out=out, flips=flips, device=device)
    table = empty_table(folder is not None)
    unread = 0
    for found in predictions:
        unread += found.error is not None
        if as_json:
            print(msgspec.json.encode(described(found)).decode())
        elif found.error is not None:
            table.add_row(found.file, Text("not read", style="red"), "", found.error)
        else:
            table.add_row(*row(found, top))
    if not as_json:
        open_screen().print(table)
        if folder is not None:
            say(open_screen(), f"masks, overlays and areas.csv are in {folder}")
    return 1 if unread else 0


def opened(
    run: str, files: tuple[str, ...], *, top: int, out: str | None, flips: bool, device: str | None
) -> tuple[Iterator[Prediction] | Iterator[MaskPrediction], str | None]:
    """Return the predictions to come, and the folder that masks are written to; None for classes of pictures.

    Raises:
        BadInput: masks are asked of a network that gives none.
    """
    program = open_fastest(run, device=device)
    if not program.card.segments and (out is not None or flips):
        raise BadInput(f"--out and --flips are for masks; {run} gives one class a picture. Leave them out")
    say(open_screen(stderr=True), f"with {program.runtime}")
    if not program.card.segments:
        return answer.predict(program, files, top=top), None
    masks = predictions_of(run) if out is None else Path(out)
    return answer.predict_masks(program, files, out=masks, flips=flips), str(masks)


def predictions_of(run: str) -> Path:
    """Return where masks go if nothing is said: into the run, or beside an exported file."""
    named = Path(run)
    return (named.parent if named.is_file() else folder_of(named)) / "predictions"


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
