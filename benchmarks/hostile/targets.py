"""Everything that reads what a stranger may have written, each with files to begin from."""

import io
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
import pyarrow as pa
import torch
from pyarrow import parquet
from safetensors.torch import save

from benchmarks.hostile.seeds import seeds
from residua.data import Preprocess, is_mask_data, open_source, read_picture
from residua.data.masks import MaskPreprocess, open_masks, read_raster, read_raster_header
from residua.data.masks.naming import read_names
from residua.data.masks.stored import read_mask_file
from residua.data.masks.table import list_table_pairs
from residua.data.shards.index import Index, Samples, Shard, decode, encoded
from residua.data.shards.names import Names
from residua.data.source import list_data
from residua.errors import ResiduaError
from residua.nets.adapters import read_weights
from residua.nets.build import build
from residua.nets.presets import spec
from residua.nets.spec import ResNetSpec, Spec
from residua.runs import Model, Run
from residua.runs.model import card_of, read_card
from residua.runs.rows import EpochRow, StepRow, read_rows
from residua.training.network import spec_of
from residua.training.recipe import Recipe
from residua.training.record import Config, data_record, mask_record, read_config, read_record


class Target(NamedTuple):
    """A reader: what its file is called, what it does with the path, and files that it reads."""

    name: str
    read: Callable[[Path], object]
    seeds: Callable[[], list[bytes]]


def refuses_or_reads(target: Target, folder: Path, content: bytes) -> None:
    """Read a file with some content; whatever comes out but an answer and an error of Residua's own goes up.

    Args:
        target: what reads it.
        folder: for the file.
        content: of the file.
    """
    path = folder / target.name
    path.write_bytes(content)
    try:
        target.read(path)
    except ResiduaError:
        return


def targets() -> dict[str, Target]:
    """Return the readers by name."""
    pictures = partial(list, seeds().values())
    return {
        "picture": Target("picture", picture, pictures),
        "image": Target("image", image, pictures),
        "csv": Target("table.csv", table, tables),
        "tsv": Target("table.tsv", table, tables),
        "parquet": Target("table.parquet", table, parquets),
        "names": Target("classes.txt", read_names, names),
        "spec": Target("network.json", lambda path: spec_of(str(path)), specs),
        "config": Target("config.json", lambda path: read_config(Run(path.parent)), configs),
        "data": Target("data.json", lambda path: read_record(Run(path.parent)), records),
        "card": Target("model.json", read_card, cards),
        "rows": Target("metrics.jsonl", read_rows, rows),
        "weights": Target("weights.pt", read_weights, weights),
        "index": Target(
            "index.json", lambda path: decode("a set", path.read_bytes(), lambda: shard_index()[1]), indices
        ),
    }


def picture(path: Path) -> None:
    """Read a picture whole and reduced, as training and prediction do."""
    read_picture(path)
    read_picture(path, side=16)


def image(path: Path) -> None:
    """Read an image with a mask, and a mask."""
    for read in (read_raster_header, read_raster, read_mask_file):
        try:
            read(path)
        except ResiduaError:
            continue


def table(path: Path) -> None:
    """Read a table, as one of pictures and as one of pictures with masks."""
    is_mask_data(path)
    for read in (list_data, list_table_pairs):
        try:
            read(path)
        except ResiduaError:
            continue


def tables() -> list[bytes]:
    """Return tables of pictures, and one of masks."""
    return [
        b"path,label,split\na.jpg,cat,train\nb.jpg,dog,val\n",
        b"image;mask\na.png;b.png\nc.png;d.png\n",
        b'\xef\xbb\xbf"file"\t"class"\n"a ""b"".jpg"\tx\n',
        b"a.jpg,cat\nb.jpg,dog\n",
    ]


def parquets() -> list[bytes]:
    """Return a table as Parquet, plain and compressed."""
    found = []
    content = pa.table({"path": ["a.jpg", "b.jpg"], "label": ["cat", None], "split": ["train", "val"]})
    for compression in ("none", "snappy", "zstd"):
        file = io.BytesIO()
        parquet.write_table(content, file, compression=compression)
        found.append(file.getvalue())
    return found


def names() -> list[bytes]:
    """Return files of the names of classes."""
    return [b"sky\nroad\n", b"0 sky\n1 road\n", b"name,r,g,b\nsky,128,128,128\nroad,128,64,128\n"]


def specs() -> list[bytes]:
    """Return networks of every family."""
    known: list[Spec] = [spec(name) for name in ("resnet18", "densenet121", "vgg16", "unet", "unet_resnet18")]
    return [msgspec.json.encode(one) for one in known]


def configs() -> list[bytes]:
    """Return the config of a run."""
    recipe = Recipe(**{name: any_of(kind) for name, kind in get_type_hints(Recipe).items()})
    return [msgspec.json.encode(Config(format=1, config=recipe, chosen={}, network=spec("resnet18")))]


def any_of(kind: Any) -> Any:
    """Return a value of a type that a recipe has.

    >>> any_of(float | None), any_of(Literal["a", "b"]), any_of(int)
    (None, 'a', 1)
    """
    if type(None) in get_args(kind):
        return None
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    return kind(1)


def records() -> list[bytes]:
    """Return what runs write of their data: of digits, and of scenes with masks."""
    digits, drawn = open_source("digits"), open_masks("scenes")
    return [
        msgspec.json.encode(data_record(digits, "digits", Preprocess.for_source(digits))),
        msgspec.json.encode(mask_record(drawn, "scenes", MaskPreprocess.for_source(drawn))),
    ]


def cards() -> list[bytes]:
    """Return the card of a network."""
    preprocess = Preprocess(size=8, resize=8, channels=3, mean=(0.5,) * 3, std=(0.5,) * 3, read_side=16)
    network = build(ResNetSpec(depths=(1,), widths=(4,), stem="cifar", stem_width=4, classes=2))
    return [
        msgspec.json.encode(
            card_of(
                Model(name="a", network=network, classes=("cat", "dog"), preprocess=preprocess), {"top1": 0.5}
            )
        )
    ]


def rows() -> list[bytes]:
    """Return the rows of a run."""
    step = StepRow(step=1, epoch=1, loss=2.0, lr=0.1, gradient_norm=3.0)
    epoch = EpochRow(
        epoch=1,
        step=1,
        seconds=1.0,
        train_loss=2.0,
        train_accuracy=0.5,
        val_loss=2.0,
        val_accuracy=0.5,
        lr=0.1,
        images_per_second=10.0,
    )
    return [b"".join(msgspec.json.encode(row) + b"\n" for row in (step, epoch))]


def weights() -> list[bytes]:
    """Return weights as safetensors, and as `torch.save` writes them now and wrote them once."""
    state: dict[str, Any] = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.zeros(2)}
    found = [save(state)]
    for zipped in (True, False):
        file = io.BytesIO()
        torch.save(state, file, _use_new_zipfile_serialization=zipped)
        found.append(file.getvalue())
    return found


def indices() -> list[bytes]:
    """Return the index of a set of shards."""
    return [shard_index()[0]]


@cache
def shard_index() -> tuple[bytes, bytes]:
    """Return the two files of the index of a set of one shard with two samples."""
    index = Index(
        format=1,
        name="set",
        classes=("cat", "dog"),
        counts={"train": {"cat": 1, "dog": 1}},
        channels=3,
        mirrored=True,
        typical_size=(20, 30),
        seed=0,
        notes=(),
        shards=(Shard(name="train-000000.tar", split="train", samples=2, bytes=10_240),),
    )
    samples = Samples(
        shard=np.zeros(2, np.uint32),
        offset=np.array([512, 2_048], np.uint64),
        length=np.array([400, 400], np.uint32),
        label=np.array([0, 1], np.uint32),
        names=Names.of(["cat/1.jpg", "dog/1.jpg"]),
    )
    return encoded(index, samples)
