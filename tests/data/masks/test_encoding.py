"""Every encoding of masks is understood, said, and written back as it came in."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import tifffile
from PIL import Image

from residua.data import UnreadablePicture
from residua.data.masks import MaskEncoding, MaskSource, open_masks, value_of
from residua.data.masks.stored import packed, read_mask_file
from residua.errors import BadData, BadInput
from residua.types import VOID
from tests.data.masks.make import blobs, saved

PALETTE = [0, 0, 0, 220, 20, 60, 0, 0, 142, 70, 130, 180]
COLOURS = np.array(PALETTE, np.uint8).reshape(4, 3)


def as_palette(mask: np.ndarray) -> Image.Image:
    image = Image.fromarray(mask)
    image.putpalette(PALETTE)
    return image


ENCODINGS: dict[str, tuple[Callable[[np.ndarray], Image.Image], str]] = {
    "numbers": (Image.fromarray, ".png"),
    "numbers in 16 bits": (lambda mask: Image.fromarray(mask.astype(np.uint16)), ".png"),
    "numbers in a TIFF of 16 bits": (lambda mask: Image.fromarray(mask.astype(np.uint16)), ".tif"),
    "numbers in a TIFF of 32 bits": (lambda mask: Image.fromarray(mask.astype(np.int32)), ".tif"),
    "numbers far apart": (lambda mask: Image.fromarray(mask * np.uint8(70)), ".png"),
    "a palette": (as_palette, ".png"),
    "colours": (lambda mask: Image.fromarray(COLOURS[mask]), ".png"),
    "colours in BMP": (lambda mask: Image.fromarray(COLOURS[mask]), ".bmp"),
    "colours with alpha": (lambda mask: Image.fromarray(COLOURS[mask]).convert("RGBA"), ".png"),
}


def written(
    root: Path, encode: Callable[[np.ndarray], Image.Image], suffix: str, count: int = 6
) -> list[np.ndarray]:
    masks = []
    for number, (picture, mask) in enumerate(blobs(count)):
        saved(root / "images" / f"{number}.png", picture)
        (root / "masks").mkdir(exist_ok=True)
        encode(mask).save(root / "masks" / f"{number}{suffix}")
        masks.append(mask)
    return masks


def class_maps(source: MaskSource) -> Iterable[tuple[int, np.ndarray]]:
    for split in source.splits.values():
        for index, name in enumerate(split.names):
            yield int(Path(name).stem), split.read(index).mask


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_masks_are_read_and_written_as_they_came_in(
    tmp_path: Path, encoding: tuple[Callable[[np.ndarray], Image.Image], str]
) -> None:
    encode, suffix = encoding
    masks = written(tmp_path, encode, suffix)
    source = open_masks(tmp_path)
    assert len(source.classes) == 4
    order = [source.encoding.values.index(value) for value in values_of(encode)]
    for number, found in class_maps(source):
        assert np.array_equal(found, np.array(order, np.uint8)[masks[number]])
    found = np.array(order, np.uint8)[masks[0]]
    (path,) = source.encoding.save(found, tmp_path / "out", "0")
    before, after = read_mask_file(tmp_path / "masks" / f"0{suffix}"), read_mask_file(path)
    assert path.suffix == suffix
    assert np.array_equal(before.stored, after.stored)
    assert before.mode == after.mode
    assert before.palette[:12] == after.palette[:12]


def values_of(encode: Callable[[np.ndarray], Image.Image]) -> list[int]:
    """Return the stored value of each of the four classes."""
    image = encode(np.arange(4, dtype=np.uint8)[None])
    pixels = np.asarray(image)
    return (packed(pixels[:, :, :3]) if pixels.ndim == 3 else pixels)[0].tolist()


def binary(mask: np.ndarray) -> np.ndarray:
    return (mask > 0) * np.uint8(255)


def test_black_and_white(tmp_path: Path) -> None:
    masks = written(tmp_path, lambda mask: Image.fromarray(binary(mask)), ".png")
    source = open_masks(tmp_path)
    assert (source.classes, source.encoding.values) == (("background", "foreground"), (0, 255))
    assert all(np.array_equal(found, masks[number] > 0) for number, found in class_maps(source))
    assert open_masks(tmp_path, classes=["cell"]).classes == ("background", "cell")
    assert open_masks(tmp_path, classes=["ground", "cell"]).classes == ("ground", "cell")


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_masks_that_were_saved_as_jpeg(tmp_path: Path, mode: str) -> None:
    """Black and white survive it; classes by number do not, and are refused with the reason."""
    masks = written(tmp_path, lambda mask: Image.fromarray(binary(mask)).convert(mode), ".jpg")
    source = open_masks(tmp_path)
    assert source.encoding.soft
    assert any("grey edges" in note for note in source.notes)
    assert all((found == (masks[number] > 0)).mean() > 0.99 for number, found in class_maps(source))
    assert np.array_equal(np.unique(np.asarray(source.encoding.encode(masks[0].clip(max=1)))), [0, 255])


def test_a_picture_is_no_mask(tmp_path: Path) -> None:
    for number, (picture, _) in enumerate(blobs(3)):
        saved(tmp_path / "images" / f"{number}.png", picture)
        saved(tmp_path / "masks" / f"{number}.jpg", picture)
    with pytest.raises(BadData, match=r"different colours, and at most 255 classes are read.*PNG or TIFF"):
        open_masks(tmp_path)


def test_more_objects_than_classes_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        saved(tmp_path / "images" / f"{number}.png", np.zeros((20, 20), np.uint8))
        saved(tmp_path / "masks" / f"{number}.png", np.arange(400, dtype=np.uint16).reshape(20, 20) + number)
    with pytest.raises(BadData, match=r"402 different values.*number single objects"):
        open_masks(tmp_path)


VOIDS = {
    "255 beside classes": (lambda mask: np.where(mask == 3, 255, mask), (0, 1, 2), (255,)),
    "255 is a class like the others": (lambda mask: mask * 85, (0, 85, 170, 255), ()),
    "below 0": (lambda mask: mask.astype(np.int32) - 1, (0, 1, 2), (-1,)),
    "65535 in 16 bits": (
        lambda mask: np.where(mask == 3, np.uint16(65_535), mask),
        (0, 1, 2),
        (65_535,),
    ),
}


@pytest.mark.parametrize("case", VOIDS.values(), ids=VOIDS)
def test_void_is_detected(
    tmp_path: Path, case: tuple[Callable[[np.ndarray], np.ndarray], tuple[int, ...], tuple[int, ...]]
) -> None:
    store, values, void = case
    for number, (picture, mask) in enumerate(blobs(6)):
        saved(tmp_path / "images" / f"{number}.png", picture)
        stored = store(mask)
        (tmp_path / "masks").mkdir(exist_ok=True)
        tifffile.imwrite(
            tmp_path / "masks" / f"{number}.tif",
            stored.astype(stored.dtype if stored.dtype != np.int64 else np.uint8),
        )
    source = open_masks(tmp_path)
    assert (source.encoding.values, source.encoding.void) == (values, void)
    number, found = next(iter(class_maps(source)))
    stored = store(blobs(6)[number][1])
    assert np.array_equal(found == VOID, np.isin(stored, void))
    assert sum(split.void_pixels() for split in source.splits.values()) == sum(
        int(np.isin(store(mask), void).sum()) for _, mask in blobs(6)
    )


def test_void_is_what_the_user_says(tmp_path: Path) -> None:
    written(tmp_path, Image.fromarray, ".png")
    source = open_masks(tmp_path, void=[0])
    assert (source.classes, source.encoding.void) == (("1", "2", "3"), (0,))
    (path,) = source.encoding.save(np.array([[0, VOID]], np.uint8), tmp_path / "out", "x")
    assert np.asarray(Image.open(path)).tolist() == [[1, 0]]


NAMES = {
    "names alone": ("sky\nroad\ncar\ntree\n", ("sky", "road", "car", "tree"), (0, 1, 2, 3), ()),
    "fewer names than values": ("sky\nroad\n\ncar\n", ("sky", "road", "car"), (0, 1, 2), (3,)),
    "more names than values": ("a\nb\nc\nd\ne\n", ("a", "b", "c", "d", "e"), (0, 1, 2, 3, 4), ()),
    "values and names": ("3: car\n1: road\n0: sky", ("car", "road", "sky"), (3, 1, 0), (2,)),
    "names of two words and values": ("traffic light 1\nsky 0\n", ("traffic light", "sky"), (1, 0), (2, 3)),
    "void by its name": ("sky\nroad\nvoid\ncar\n", ("sky", "road", "car"), (0, 1, 3), (2,)),
    "a table": ("id,name\n0,sky\n1,road\n2,car\n3,tree", ("sky", "road", "car", "tree"), (0, 1, 2, 3), ()),
}


@pytest.mark.parametrize("case", NAMES.values(), ids=NAMES)
def test_a_file_names_the_classes(
    tmp_path: Path, case: tuple[str, tuple[str, ...], tuple[int, ...], tuple[int, ...]]
) -> None:
    text, classes, values, void = case
    written(tmp_path, Image.fromarray, ".png")
    (tmp_path / "classes.txt").write_text(text)
    source = open_masks(tmp_path)
    assert (source.classes, source.encoding.values, source.encoding.void) == (classes, values, void)


def test_a_file_names_the_colours(tmp_path: Path) -> None:
    written(tmp_path, lambda mask: Image.fromarray(COLOURS[mask]), ".png")
    with pytest.raises(BadData, match=r"say which colour is which(.|\n)*0 0 142 NAME"):
        open_masks(tmp_path, classes=["ground", "a", "b", "c"])
    lines = ["name,r,g,b", "ground,0,0,0", "person,220,20,60", "car,0,0,142", "Void,70,130,180"]
    (tmp_path / "class_dict.csv").write_text("\n".join(lines))
    source = open_masks(tmp_path)
    assert source.classes == ("ground", "person", "car")
    assert source.encoding.void == (0x4682B4,)
    assert source.encoding.colours() == ((0, 0, 0), (220, 20, 60), (0, 0, 142))


@pytest.mark.parametrize(
    ("text", "message"),
    [("sky\nsky\nroad", "'sky' is there twice"), ("", "it is empty"), ("1 sky\nroad", "0 and 1 numbers")],
)
def test_a_file_of_names_that_makes_no_sense(tmp_path: Path, text: str, message: str) -> None:
    written(tmp_path, Image.fromarray, ".png")
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(BadData, match=message):
        open_masks(tmp_path)


def test_names_that_fit_no_values_are_refused(tmp_path: Path) -> None:
    written(tmp_path, lambda mask: Image.fromarray(mask * np.uint8(50)), ".png")
    with pytest.raises(
        BadData, match=r"3 classes .* and 4 values in the masks \(0, 50, 100, 150\): say in it"
    ):
        open_masks(tmp_path, classes=["a", "b", "c"])


def test_masks_of_one_class_are_refused(tmp_path: Path) -> None:
    written(tmp_path, lambda mask: Image.fromarray(mask * np.uint8(0)), ".png")
    with pytest.raises(BadData, match="one class"):
        open_masks(tmp_path)


def test_masks_of_unlike_kinds_are_refused(tmp_path: Path) -> None:
    written(tmp_path, Image.fromarray, ".png")
    saved(tmp_path / "masks" / "3.png", COLOURS[blobs(4)[3][1]])
    with pytest.raises(BadData, match=r"unlike kinds: masks/0.png has values, masks/3.png has colours"):
        open_masks(tmp_path)


def test_an_encoding_goes_through_json() -> None:
    encoding = MaskEncoding(kind="palette", classes=("a", "b"), values=(0, 7), void=(255,), palette=(1, 2, 3))
    assert msgspec.json.decode(msgspec.json.encode(encoding), type=MaskEncoding) == encoding


@pytest.mark.parametrize("text", ["", "#ff", "red", "1,2"])
def test_what_is_no_value(text: str) -> None:
    with pytest.raises(BadInput, match="is no value of a mask"):
        value_of(text)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32])
def test_decoding_looks_every_pixel_up(kind: type) -> None:
    """Against a dictionary, for values in any order, with void ones, and from every width of number."""
    random = np.random.default_rng(0)
    values = random.permutation(np.iinfo(kind).max if kind is np.uint8 else 60_000)[:12].tolist()
    encoding = MaskEncoding(
        kind="values", classes=tuple("abcdefghi"), values=tuple(values[:9]), void=tuple(values[9:])
    )
    table = dict(zip(values, [*range(9), VOID, VOID, VOID], strict=True))
    stored = random.choice(values, (15, 11)).astype(kind)
    found = encoding.decode(stored)
    assert [[table[value] for value in row] for row in stored.tolist()] == found.tolist()
    kept = np.where(found == VOID, 0, found)
    written = np.asarray(encoding.encode(kept)) if max(values) < 256 else None
    assert written is None or np.array_equal(encoding.decode(written), kept)
    strange = next(value for value in range(256) if value not in values)
    with pytest.raises(
        UnreadablePicture, match=f"1 of its pixels have the value {strange}, which stands for no class"
    ):
        encoding.decode(np.array([[values[0], strange]], kind))


def test_edges_that_were_smoothed_are_no_classes(tmp_path: Path) -> None:
    masks = written(tmp_path, lambda mask: smoothed(binary(mask)), ".png")
    source = open_masks(tmp_path)
    assert (source.encoding.soft, source.classes) == (True, ("background", "foreground"))
    assert all((found == (masks[number] > 0)).mean() > 0.98 for number, found in class_maps(source))


def smoothed(mask: np.ndarray) -> Image.Image:
    """Return a mask with the grey edges that resizing gives."""
    return Image.fromarray(mask).resize((28, 20)).resize((56, 40), Image.Resampling.BICUBIC)


def test_what_the_masks_mean_is_said(tmp_path: Path) -> None:
    written(tmp_path, lambda mask: Image.fromarray(COLOURS[mask]), ".png")
    (tmp_path / "classes.txt").write_text("0 0 0 ground\n220 20 60 person\n0 0 142 car\n")
    assert (
        "in the masks #000000 is ground, #dc143c is person, #00008e is car; void is #4682b4"
        in open_masks(tmp_path).notes
    )
