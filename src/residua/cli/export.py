"""`residua export`: a network for other programs to run."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter
from rich.console import Console

from residua import export as exporting
from residua.cli.progress import Display
from residua.cli.screen import open_screen, say
from residua.export import Exported, Wanted
from residua.report import write as write_report
from residua.runs import open_run


def export(
    run: str,
    /,
    *,
    to: Literal["onnx", "openvino", "pt2", "safetensors"] = "onnx",
    precision: Literal["fp32", "bf16", "int8"] = "fp32",
    inside: Annotated[bool, Parameter(negative="")] = False,
    names: str | None = None,
    tolerance: float = 0.5,
    licence: str | None = None,
    data: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Write the network of a run for another program, and prove that it does the same.

    The file is run in its own runtime on pictures that were held out. If it differs by more than rounding, or loses
    more accuracy than it may, there is no file. Any batch size is taken; classes, preprocessing and licence are in it.

    Args:
        run: the folder of a run, or its bare name under runs/; the file goes into its export/.
        to: ONNX, OpenVINO's own form, a PyTorch program, or the weights alone.
        precision: of the numbers; int8 is calibrated on the training pictures.
        inside: put the preprocessing into the program, which then takes pictures of bytes, of any size.
        names: whose names the weights alone are given, such as torchvision or timm; by default ours.
        tolerance: points of accuracy that it may lose.
        licence: of the weights, to be written into the file.
        data: where the data of the run is now, if it has moved.
        as_json: for machines.
    """
    wanted = Wanted(
        form=to, precision=precision, inside=inside, names=names, tolerance=tolerance, licence=licence
    )
    with Display(open_screen(stderr=True)) as display:
        display.tell("writing and checking", 0, 0)
        path, done = exporting.export(run, wanted, data=data)
    write_report(open_run(run).folder)
    if as_json:
        print(msgspec.json.encode({"path": str(path), **msgspec.to_builtins(done)}).decode())
    else:
        show(open_screen(), path, done)


def show(screen: Console, path: Path, done: Exported) -> None:
    """Print where the file is and what it does, for a person."""
    found = done.verified
    say(screen, f"{path}, {done.bytes / 1e6:,.1f} MB", "bold")
    say(
        screen,
        f"checked in {found.runtime} on {found.pictures:,} held-out pictures: the same class for "
        f"{found.agreement:.2%} of them, a probability differs by {found.difference:.1g} at most",
        indent=2,
    )
    say(screen, f"accuracy {found.accuracy_before:.2%} -> {found.accuracy:.2%}", indent=2)
    say(
        screen,
        f"{found.milliseconds_before:.3g} -> {found.milliseconds:.3g} ms a picture in batches of {found.batch}, "
        f"{found.speed:.2f} times as fast as PyTorch in float32",
        indent=2,
    )
