"""Pictures with masks written as shards: the bytes of the files as they are, in the order of the source."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image

from residua.data.masks.encoding import MaskEncoding
from residua.data.masks.pairing import Pair
from residua.data.masks.rasters import raster_header
from residua.data.masks.scan import Looked, looked_at
from residua.data.masks.shards.table import Masks, MaskTable, encoded_masks
from residua.data.masks.source import MaskSource, unusable
from residua.data.masks.split import FilePairs, MaskSplit
from residua.data.masks.stored import decode_mask
from residua.data.refusals import UnreadablePicture
from residua.data.shards.files import Format, Sample
from residua.data.shards.index import INDEX, SAMPLES, Index, encoded
from residua.data.shards.writing import ShardWriter, file_bytes, new_folder
from residua.data.source import BadFile
from residua.errors import BadData


def write_mask_shards(
    source: MaskSource,
    out: str | Path,
    *,
    format: Format = "tar",
    megabytes: int = 256,
    skip_bad: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> Index:
    """Write pictures with masks as shards into a new folder, each as its file is, and an index of them.

    In a tar file a sample is `000000042.jpg` and `000000042.mask.png`; in a Parquet file it is a row with `image` and
    `mask`. Where every class has a file of its own, the mask is one PNG file of the numbers of the classes. The
    pictures keep the order of the source, so that up to eight shards, or few row groups, are trained on in the same
    order as the source is. Every pair is decoded once on the way.

    Args:
        source: a folder or a table, opened.
        out: the folder, which must not exist yet.
        format: "tar" or "parquet".
        megabytes: a shard is closed before it becomes larger, unless a single pair is.
        skip_bad: leave out pairs that cannot be used instead of writing none.
        tell: told as it goes on how many pairs are written, and of how many.

    Returns:
        what was written, without the places of the samples.

    Raises:
        BadData: the folder exists, the pictures are no files, or some pairs cannot be used.
        BadRun: the disk is full or does not let us write.
        MissingExtra: Parquet without pyarrow.
    """
    if source.bad and not skip_bad:
        raise unusable(source.name, source.bad)
    with new_folder(Path(out)) as folder:
        total = sum(map(len, source.splits.values()))
        written = ShardWriter(folder, format, classes=None, megabytes=megabytes, total=total, tell=tell)
        looked: list[Looked] = []
        for split in source.splits.values():
            written.write(split.name, _samples(source.name, split, looked))
        if written.bad and not skip_bad:
            raise unusable(source.name, written.bad)
        source = source.without((*source.bad, *written.bad))
        table, sorts = MaskTable.of(looked, written.masks())
        index = _index(source, written)
        content, samples = encoded(index, written.samples())
        masks = Masks(sorts=sorts, encoding=merged(source.encoding))
        files = {SAMPLES: samples, INDEX: content, **encoded_masks(masks, table, samples)}
        for name, held in files.items():
            (folder / name).write_bytes(held)
    return index


def merged(encoding: MaskEncoding) -> MaskEncoding:
    """Return the encoding of masks as they are in shards: one file each, whatever they were before."""
    if encoding.kind != "files":
        return encoding
    return replace(encoding, kind="values", mode="L", pattern="{name}.png", layers=())


def _samples(name: str, split: MaskSplit, looked: list[Looked]) -> Iterator[Sample | BadFile]:
    """Give the pairs of a split, each after it was decoded, and add to `looked` what was seen of it."""
    pairs = split.pairs
    if not isinstance(pairs, FilePairs):
        raise BadData(f"the pictures of {name} are no files, so there is nothing to put in shards")
    for index, pair in enumerate(pairs.pairs):
        try:
            pairs.read(index)
            content = file_bytes(pairs.root / pair.image, pair.image)
            mask = _mask(pairs, index)
            header = raster_header(io.BytesIO(content), name=pair.image)
            seen = looked_at(
                Pair(pair.image, (mask[0],)), header, decode_mask(mask[1], name=mask[0], beside=len(content))
            )
        except UnreadablePicture as refusal:
            yield BadFile(pair.image, refusal.reason)
        else:
            looked.append(seen)
            yield Sample(pair.image, content, mask=mask)


def _mask(pairs: FilePairs, index: int) -> tuple[str, bytes]:
    """Return the name and the bytes of one mask file: its own, or one of all the files of its classes."""
    pair = pairs.pairs[index]
    if not pair.labels:
        return pair.masks[0], file_bytes(pairs.root / pair.masks[0], pair.masks[0])
    file = io.BytesIO()
    Image.fromarray(pairs.stored(index).astype("uint8")).save(file, "PNG")
    return f"{Path(pair.image).stem}.png", file.getvalue()


def _index(source: MaskSource, written: ShardWriter) -> Index:
    return Index(
        format=0,
        name=source.name,
        classes=source.classes,
        counts={name: split.pixels() for name, split in source.splits.items()},
        channels=source.channels,
        mirrored=source.mirrored,
        typical_size=source.typical_size,
        seed=source.seed,
        notes=source.notes,
        shards=tuple(written.shards),
        masks=True,
    )
