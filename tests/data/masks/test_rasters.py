"""Pictures of any depth and any number of channels are read as they are stored, or refused with the reason."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from residua.data import UnreadablePicture, read_picture
from residua.data.masks import MaskPreprocess, full_scale, open_masks, read_raster, read_raster_header
from residua.data.masks.resize import reduced, with_channels_of
from residua.errors import MissingExtra
from tests.data.masks.make import blobs, saved

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 65_536, (20, 30), np.uint16)
FIVE = RANDOM.integers(0, 65_536, (5, 20, 30), np.uint16)
COLOUR = RANDOM.integers(0, 65_536, (20, 30, 3), np.uint16)
SMALL = RANDOM.integers(0, 256, (20, 30, 7), np.uint8)
FLOATS = RANDOM.standard_normal((20, 30)).astype(np.float32)

Write = Callable[[Path], None]

FILES: dict[str, tuple[str, Write, np.ndarray]] = {
    "16-bit grey PNG": ("a.png", lambda path: Image.fromarray(GREY).save(path), GREY[:, :, None]),
    "16-bit grey TIFF": ("a.tif", lambda path: Image.fromarray(GREY).save(path), GREY[:, :, None]),
    "16-bit grey, big-endian": (
        "a.tif",
        lambda path: tifffile.imwrite(path, GREY, byteorder=">"),
        GREY[:, :, None],
    ),
    "16-bit RGB": ("a.tif", lambda path: tifffile.imwrite(path, COLOUR, photometric="rgb"), COLOUR),
    "planes": (
        "a.tif",
        lambda path: tifffile.imwrite(path, FIVE, photometric="minisblack", planarconfig="separate"),
        np.moveaxis(FIVE, 0, -1),
    ),
    "pages": (
        "a.ome.tif",
        lambda path: tifffile.imwrite(path, FIVE, photometric="minisblack", metadata={"axes": "CYX"}),
        np.moveaxis(FIVE, 0, -1),
    ),
    "samples": (
        "a.tif",
        lambda path: tifffile.imwrite(path, SMALL, photometric="minisblack", planarconfig="contig"),
        SMALL,
    ),
    "compressed": (
        "a.tif",
        lambda path: tifffile.imwrite(path, FIVE, photometric="minisblack", compression="zlib"),
        np.moveaxis(FIVE, 0, -1),
    ),
    "floats": ("a.tif", lambda path: tifffile.imwrite(path, FLOATS), FLOATS[:, :, None]),
    "signed": (
        "a.tif",
        lambda path: tifffile.imwrite(path, GREY.astype(np.int16)),
        GREY.astype(np.int16).astype(np.float32)[:, :, None],
    ),
}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_it_is_read_as_it_is_stored(tmp_path: Path, file: tuple[str, Write, np.ndarray]) -> None:
    name, write, wanted = file
    write(tmp_path / name)
    found = read_raster(tmp_path / name)
    assert found.dtype == wanted.dtype
    assert np.array_equal(found, wanted)
    header = read_raster_header(tmp_path / name)
    assert (header.height, header.width, header.channels) == wanted.shape


def test_eight_bits_are_read_as_by_the_classifier(tmp_path: Path) -> None:
    for name, mode in (("a.jpg", "RGB"), ("b.png", "RGBA"), ("c.png", "P"), ("d.tif", "L")):
        Image.fromarray(SMALL[:, :, :4]).convert(mode).save(tmp_path / name)
        assert np.array_equal(read_raster(tmp_path / name), read_picture(tmp_path / name))


BROKEN: dict[str, tuple[Write, str]] = {
    "not finite": (
        lambda path: tifffile.imwrite(path, np.full((4, 4), np.nan, np.float32)),
        "some of its floats are not finite",
    ),
    "too many axes": (
        lambda path: tifffile.imwrite(path, np.zeros((3, 4, 5, 6), np.uint8), photometric="minisblack"),
        r"its axes are \w+ \(3, 4, 5, 6\)",
    ),
    "cut off": (lambda path: path.write_bytes(_tiff_of(path)[:2_000]), "truncated|damaged"),
    "no picture": (lambda path: path.write_text("hello"), "text, not a picture"),
    "empty": (lambda path: path.write_bytes(b""), "the file is empty"),
}


def _tiff_of(path: Path) -> bytes:
    tifffile.imwrite(path, FIVE, photometric="minisblack")
    return path.read_bytes()


@pytest.mark.parametrize("file", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path: Path, file: tuple[Write, str]) -> None:
    write, message = file
    write(tmp_path / "a.tif")
    with pytest.raises(UnreadablePicture, match=message) as caught:
        read_raster(tmp_path / "a.tif", name="a.tif")
    assert caught.value.name == "a.tif"


@pytest.mark.parametrize("picture", [SMALL[:, :, :3], SMALL, COLOUR, FLOATS[:, :, None]])
def test_reducing_is_a_mean(picture: np.ndarray) -> None:
    """At half size a constant stays one, and the mean of the picture its mean, whatever the depth."""
    half = reduced(picture, 0.5)
    assert half.dtype == picture.dtype
    assert half.shape == (10, 15, picture.shape[2])
    middle = (slice(2, -2), slice(2, -2))
    whole = picture[4:-4, 4:-4].mean()
    assert abs(float(half[middle].mean()) - float(whole)) < 0.06 * full_scale(picture)
    flat = np.full_like(picture, 77)
    assert np.allclose(reduced(flat, 0.5), 77)


def test_grey_and_colour_in_one_set(tmp_path: Path) -> None:
    for number, (picture, mask) in enumerate(blobs(6)):
        saved(tmp_path / "images" / f"{number}.png", picture if number % 2 else picture[:, :, 0])
        saved(tmp_path / "masks" / f"{number}.png", mask)
    source = open_masks(tmp_path)
    assert source.channels == 3
    assert {split.read(0).picture.shape[2] for split in source.splits.values()} == {3}


def test_a_set_of_five_channels_and_one_picture_of_three(tmp_path: Path) -> None:
    for number, (picture, mask) in enumerate(blobs(7)):
        planes = np.concatenate([picture, picture[:, :, :2]], axis=2) if number else picture
        (tmp_path / "images").mkdir(exist_ok=True)
        kind = "minisblack" if number else "rgb"
        path = tmp_path / "images" / f"{number}.tif"
        tifffile.imwrite(path, planes, photometric=kind, planarconfig="contig")
        saved(tmp_path / "masks" / f"{number}.png", mask)
    source = open_masks(tmp_path)
    assert source.channels == 5
    assert [bad.name for bad in source.bad] == ["images/0.tif"]
    assert "it has 3 channels, and most of the others have 5" in source.bad[0].reason
    preprocess = MaskPreprocess.for_source(source)
    assert len(preprocess.mean) == 5
    planes = preprocess.planes(source.splits["train"].read(0).picture)
    assert planes.shape == (5, 40, 56)
    assert abs(float(planes.mean())) < 0.5
    with pytest.raises(UnreadablePicture, match="it has 1 channels, and the others have 5"):
        with_channels_of(GREY[:, :, None], 5, "grey.png")


def test_without_tifffile_only_what_needs_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "five.tif", FIVE, photometric="minisblack")
    Image.fromarray(GREY).save(tmp_path / "grey.tif")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    assert np.array_equal(read_raster(tmp_path / "grey.tif")[:, :, 0], GREY)
    with pytest.raises(MissingExtra, match=r"needs tifffile: pip install 'residua\[data\]'"):
        read_raster(tmp_path / "five.tif")


def test_a_fourth_channel_of_a_tiff_is_no_transparency(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", SMALL[:, :, :4], photometric="rgb")
    assert np.array_equal(read_raster(tmp_path / "a.tif"), SMALL[:, :, :4])
    assert read_raster_header(tmp_path / "a.tif").channels == 4
