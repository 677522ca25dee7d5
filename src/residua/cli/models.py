"""`residua models`: the networks by name."""

from fnmatch import fnmatch
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table

from residua.errors import UnknownName
from residua.nets.presets import PRESETS


def models(
    pattern: str = "*", *, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False
) -> None:
    """List the networks: name, parameters, multiply-adds, paper.

    The depth is part of the name for whole families: plain38, resnet62_cifar, resnet245_preact build as well.

    Args:
        pattern: only names that match, such as 'resnet*'.
        as_json: for machines.
    """
    rows = {name: preset for name, preset in PRESETS.items() if fnmatch(name, pattern)}
    if not rows:
        raise UnknownName.among("network", pattern, PRESETS)
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", style="bold", no_wrap=True)
    for title in ("parameters", "MACs", "at"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("paper")
    for name, preset in rows.items():
        table.add_row(
            name,
            f"{preset.parameters / 1e6:,.2f} M",
            f"{preset.macs / 1e9:,.2f} G",
            f"{preset.image_size} px",
            preset.paper,
        )
    Console().print(table)
