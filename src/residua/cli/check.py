"""`residua check`: what is wrong with a set of pictures."""

from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table

from residua import data as pictures
from residua.data import CheckReport

SHOWN = 20
"""How many names of one kind are printed; --json has all."""


def check(data: str, /, *, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """Read every picture, and say what is wrong: files that cannot be read, leaks between splits, classes.

    Nothing is changed. Exit code 1 when something is wrong.

    Args:
        data: as for train.
        as_json: for machines.
    """
    found = pictures.check(data)
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        show(Console(), found)
    return 0 if found.ok else 1


def show(console: Console, found: CheckReport) -> None:
    """Print what was found for a person."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", style="bold")
    for split in found.counts:
        table.add_column(split, justify="right")
    names = sorted({name for counts in found.counts.values() for name in counts})
    for name in names:
        table.add_row(name, *(f"{counts.get(name, 0):,}" for counts in found.counts.values()))
    table.add_row("all", *(f"{sum(counts.values()):,}" for counts in found.counts.values()), style="dim")
    console.print(table)
    sizes = (f"{height} × {width}" for height, width in (found.smallest, found.typical, found.largest))
    console.print("sizes    {} smallest, {} typical, {} largest".format(*sizes), highlight=False)
    for title, kinds in (("formats", found.formats), ("odd", found.odd)):
        if kinds:
            listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
            console.print(f"{title:8} {listed}", highlight=False, markup=False)
    for note in found.notes:
        console.print(f"note     {note}", highlight=False, markup=False)
    problems = [f"problem  {sentence}" for sentence in found.problems]
    problems += few([f"unread   {bad.name}: {bad.reason}" for bad in found.bad])
    problems += few(
        [f"leak     {joined(one.names)} are the same picture in {joined(one.splits)}" for one in found.leaks]
    )
    doubted = [one for one in found.alike if one.disagrees]
    problems += few(
        [f"label    {joined(one.names)} are the same picture as {joined(one.classes)}" for one in doubted]
    )
    for line in problems:
        console.print(line, style="red", highlight=False, markup=False, soft_wrap=True)
    doubled = [one for one in found.alike if not (one.leaks or one.disagrees)]
    if doubled:
        console.print(
            f"doubles  {len(doubled):,} pictures are there more than once in one split", highlight=False
        )
    verdict = "[bold green]nothing is wrong[/]" if found.ok else "[bold red]this needs a look[/]"
    console.print(verdict)


def few(lines: list[str]) -> list[str]:
    """Return the first lines, and how many more there are."""
    return (
        lines
        if len(lines) <= SHOWN
        else [*lines[:SHOWN], f"         and {len(lines) - SHOWN:,} more (--json)"]
    )


def joined(names: tuple[str, ...]) -> str:
    """Return names as a person lists them."""
    unique = list(dict.fromkeys(names))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} and {unique[-1]}"
