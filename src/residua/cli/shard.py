"""`residua shard`: a set of pictures as tar shards, for disks and networks that like few large files."""

from functools import partial
from typing import Annotated

import msgspec
from cyclopts import Parameter

from residua.cli.progress import Display
from residua.cli.screen import open_screen, say
from residua.data import is_mask_data, open_source
from residua.data.shards import write_shards
from residua.errors import BadData


def shard(
    data: str,
    out: str,
    /,
    *,
    megabytes: int = 256,
    seed: int = 0,
    skip_bad: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Write the pictures of a folder or a table as tar shards with an index, to train on here or from a URL.

    The bytes of each picture stay as they are. The order is drawn from the seed, so each shard is a fair sample;
    the data are divided as for train.

    Args:
        data: a folder of class folders, or a table.
        out: a new folder.
        megabytes: of a shard at most.
        seed: of the division and the order.
        skip_bad: leave out pictures that cannot be read instead of stopping.
        as_json: for machines.
    """
    if is_mask_data(data):
        raise BadData(f"{data} are pictures with masks, and shards hold pictures with one class each")
    with Display(open_screen(stderr=True)) as display:
        index = write_shards(
            open_source(data, seed=seed),
            out,
            megabytes=megabytes,
            skip_bad=skip_bad,
            tell=partial(display.tell, "writing pictures"),
        )
    if as_json:
        print(msgspec.json.encode(index).decode())
        return
    pictures, size = sum(one.samples for one in index.shards), sum(one.bytes for one in index.shards)
    screen = open_screen()
    say(screen, f"{out}: {pictures:,} pictures in {len(index.shards):,} shards, {size / 1e6:,.1f} MB", "bold")
    for note in index.notes:
        say(screen, note, indent=2)
