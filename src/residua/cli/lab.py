"""`residua lab`: the claims of the theory of residual networks, measured."""

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table

from residua.lab.claim import Claim
from residua.lab.measuring import Options, chosen, measure, write


def lab(
    *claims: str,
    data: str | None = None,
    depths: Annotated[list[int] | None, Parameter(consume_multiple=True, negative="")] = None,
    seeds: int | None = None,
    device: str | None = None,
    quick: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path = Path("runs/lab"),
) -> int:
    """Measure claims about residual networks, draw them, and say whether they hold.

    Each claim writes its rows and its figure into the folder of --out, and a page shows them all. Exit code 1
    when a claim does not hold.

    Args:
        claims: names of claims, such as variance; all of them if none is named.
        data: pictures to measure on, as for train; digits by default.
        depths: layers of the networks to compare, such as 20 56.
        seeds: how many networks to draw for each set-up.
        device: to run on.
        quick: measure less, in a quarter of the time.
        as_json: for machines.
        out: where to write.
    """
    asked = tuple(depths) if depths is not None else None
    options = Options(data=data, depths=asked, seeds=seeds, device=device, quick=quick)
    console = Console(stderr=as_json)
    wanted = chosen(claims, options)
    measured: list[Claim] = []
    began = time.monotonic()
    with console.status(f"measuring {wanted[0]}") as status:
        for claim in measure(wanted, options):
            measured.append(claim)
            if not as_json:
                show(console, claim, seconds=time.monotonic() - began)
            began = time.monotonic()
            status.update(f"measuring, {len(measured)} of {len(wanted)} done")
    page = write(measured, out)
    if as_json:
        print("[" + ",\n".join(claim.json().decode() for claim in measured) + "]")
    else:
        console.print(f"page     {page}", highlight=False, markup=False, soft_wrap=True)
    return 0 if all(claim.holds for claim in measured) else 1


def show(console: Console, claim: Claim, *, seconds: float) -> None:
    """Print the table of a claim and its verdict."""
    console.print(f"\n[bold]{claim.name}[/]  {claim.title}", highlight=False)
    shown = claim.table()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(shown.columns):
        table.add_column(column, justify="right" if place else "left", style=None if place else "bold")
    for line in shown.lines:
        table.add_row(*line)
    console.print(table)
    colour = "green" if claim.holds else "red"
    console.print(claim.verdict, style=colour, highlight=False, markup=False)
    console.print(f"{seconds:.0f} s", style="dim", highlight=False)
