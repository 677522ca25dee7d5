"""What a trained network says of the pixels of single pictures: masks, overlays, and the area of each class."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

import numpy as np
from PIL import Image

from residua.data import UnreadablePicture
from residua.data.masks import ClassMap, MaskEncoding, Raster, read_raster
from residua.files import write_text, writing
from residua.training.files import EMPTY, is_folder, listed
from residua.training.panels import overlaid, shown
from residua.training.segmenter import Segmenter
from residua.training.tiles import class_map

MASKS: Final = "masks"
OVERLAYS: Final = "overlays"
TABLE: Final = "areas.csv"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """How much of a picture is of one class."""

    name: str
    pixels: int
    share: float


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskPrediction:
    """One picture: the area of each class, and where its mask was written; or why it could not be read.

    Attributes:
        file: as the user named it.
        height: of the picture.
        width: of the picture.
        areas: of every class, in their order.
        masks: files that were written, in the encoding of the masks that the model was trained on.
        overlay: the picture with its classes laid over it, as a file that was written.
        error: why there is no answer, or None.
        mask: the class of each pixel.
    """

    file: str
    height: int = 0
    width: int = 0
    areas: tuple[Area, ...] = ()
    masks: tuple[str, ...] = ()
    overlay: str | None = None
    error: str | None = None
    mask: ClassMap | None = field(default=None, repr=False)


def predict_masks(
    segmenter: Segmenter,
    files: list[Path],
    *,
    classes: tuple[str, ...],
    encoding: MaskEncoding,
    out: Path | None,
) -> Iterator[MaskPrediction]:
    """Give a prediction for each picture, in order; a folder stands for the pictures in it.

    Args:
        segmenter: what answers: a network, or an exported program.
        files: pictures or folders.
        classes: names, in the order of the outputs.
        encoding: how the classes stand in the masks that are written.
        out: folder for masks, overlays and the table of areas; None writes nothing.
    """
    rows = [",".join(["file", "class", "pixels", "share"])]
    for path, name in named(files):
        try:
            picture = read_raster(path)
            reduced = segmenter.preprocess.reduced(picture)
        except UnreadablePicture as refusal:
            yield MaskPrediction(file=str(path), error=EMPTY if is_folder(path) else refusal.reason)
            continue
        mask = predicted(segmenter, reduced, picture.shape[:2])
        areas = areas_of(mask, classes)
        rows += [f"{quoted(str(path))},{quoted(a.name)},{a.pixels},{a.share:.6f}" for a in areas]
        masks, overlay = ((), None) if out is None else written(encoding, out, name, picture, mask)
        yield MaskPrediction(
            file=str(path),
            height=mask.shape[0],
            width=mask.shape[1],
            areas=areas,
            masks=masks,
            overlay=overlay,
            mask=mask,
        )
        del picture, reduced, mask  # before the next is read: they may be large
        if out is not None:
            write_text(out / TABLE, "\n".join(rows) + "\n")


def predicted(segmenter: Segmenter, reduced: Raster, shape: tuple[int, ...]) -> ClassMap:
    """Return the class of each pixel of a picture of some height and width, given at the scale of the network."""
    height, width = shape
    found: ClassMap = class_map(segmenter.blocks(reduced, (height, width)), (height, width))
    return found


def areas_of(mask: ClassMap, classes: tuple[str, ...]) -> tuple[Area, ...]:
    """Return how many pixels each class has.

    >>> areas_of(np.array([[0, 1], [1, 1]], np.uint8), ("sky", "road"))[1]
    Area(name='road', pixels=3, share=0.75)
    """
    counts = np.zeros(len(classes), np.int64)
    for rows in np.array_split(mask, 1 + mask.size // 2**24):  # bincount would make 8 bytes of each pixel
        counts += np.bincount(rows.ravel(), minlength=len(classes))
    return tuple(
        Area(name=name, pixels=count, share=count / mask.size)
        for name, count in zip(classes, counts.tolist(), strict=True)
    )


def written(
    encoding: MaskEncoding, out: Path, name: str, picture: Raster, mask: ClassMap
) -> tuple[tuple[str, ...], str]:
    """Write the mask and the overlay of a picture; return their files."""
    overlay = out / OVERLAYS / f"{name}.jpg"
    with writing(out):
        masks = encoding.save(mask, out / MASKS, name)
        overlay.parent.mkdir(parents=True, exist_ok=True)
        pixels = shown(picture)
        if not pixels.flags.writeable:
            pixels = pixels.copy()
        Image.fromarray(overlaid(pixels, mask, encoding)).save(overlay, quality=85)
    return tuple(map(str, masks)), str(overlay)


def named(files: list[Path]) -> Iterator[tuple[Path, str]]:
    """Give every picture with a name for what is written of it: its own, with its place in a folder that was named."""
    taken: Counter[str] = Counter()
    for file in files:
        for path in listed(file):
            inside = path.relative_to(file) if path != file else Path(path.name)
            name = inside.with_suffix("").as_posix()
            taken[name] += 1
            yield path, name if taken[name] == 1 else f"{name}-{taken[name]}"


def quoted(text: str) -> str:
    """Return a text as a cell of a table.

    >>> quoted('a "b", c')
    '"a ""b"", c"'
    """
    return '"' + text.replace('"', '""') + '"' if set(text) & {'"', ",", "\n"} else text
