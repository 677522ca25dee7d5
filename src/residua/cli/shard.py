"""`residua shard`: a set of pictures as large files, for disks and networks that like few of them."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import msgspec
from cyclopts import Parameter

from residua.cli.progress import Display
from residua.cli.screen import open_screen, say
from residua.data import is_mask_data, open_source
from residua.data.masks import names_from, open_masks, values_from
from residua.data.masks.shards import write_mask_shards
from residua.data.shards import Index, is_sharded, write_shards
from residua.data.shards.files import Format
from residua.errors import BadData


def shard(
    data: str,
    out: str,
    /,
    *,
    format: Format = "tar",
    megabytes: int = 256,
    seed: int = 0,
    classes: str | None = None,
    void: str | None = None,
    skip_bad: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Write pictures with labels or with masks as tar or Parquet files with an index, to train on here or from a URL.

    The bytes of each picture and mask stay as they are; the data are divided as for train. The order of pictures with
    labels is drawn from the seed, so each shard is a fair sample.

    Args:
        data: a folder of class folders or of images and masks, or a table.
        out: a new folder.
        format: tar, as WebDataset has it, or parquet, as the Hugging Face datasets have it.
        megabytes: of a shard at most.
        seed: of the division and the order.
        classes: names of the classes of masks, with commas between them, or a file of them.
        void: values or colours of masks that stand for no class, with commas between them: 255 or #ff00ff.
        skip_bad: leave out pictures that cannot be read instead of stopping.
        as_json: for machines.
    """
    if is_sharded(data):
        raise BadData(f"{data} are shards already; give the folder or the table that they were made of")
    with Display(open_screen(stderr=True)) as display:
        write = _writing(data, seed, classes, void, partial(display.tell, "reading masks"))
        index = write(
            out,
            format=format,
            megabytes=megabytes,
            skip_bad=skip_bad,
            tell=partial(display.tell, "writing pictures"),
        )
    if as_json:
        print(msgspec.json.encode(index).decode())
        return
    pictures, size = sum(one.samples for one in index.shards), sum(one.bytes for one in index.shards)
    kind = "pictures with masks" if index.masks else "pictures"
    screen = open_screen()
    say(screen, f"{out}: {pictures:,} {kind} in {len(index.shards):,} shards, {size / 1e6:,.1f} MB", "bold")
    for note in index.notes:
        say(screen, note, indent=2)


def _writing(
    data: str, seed: int, classes: str | None, void: str | None, tell: Callable[[int, int], None]
) -> Callable[..., Index]:
    """Return what writes the data, which are opened for it."""
    names, values = names_from(classes), values_from(void)
    if is_mask_data(data):
        masks = open_masks(data, seed=seed, classes=names, void=values, tell=tell)
        return partial(write_mask_shards, masks)
    if names or values:
        raise BadData(f"--classes and --void are for masks, and {data} has none that are found")
    return partial(write_shards, open_source(data, seed=seed))
