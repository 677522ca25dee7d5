"""What a picture takes to decode is asked before it is decoded, and is in proportion to its file."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from residua.data import UnreadablePicture, budget, colours, read_picture
from residua.data.masks import MaskEncoding, encoding, read_raster, read_raster_header, scan
from residua.data.masks.stored import read_mask_file
from residua.errors import BadInput
from tests.data.odd import write_odd

SIDE = 300


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow every picture 400 kB, where a real one may take 200 MB."""
    monkeypatch.setattr(budget, "MEMORY", 400_000)


def written(folder: Path, name: str, *, noisy: bool = False, mode: str = "RGB") -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8) if noisy else None
    image = Image.new(mode, (SIDE, SIDE), 1) if pixels is None else Image.fromarray(pixels).convert(mode)
    image.save(folder / name)
    return folder / name


@pytest.mark.parametrize("name", ["flat.png", "flat.webp", "flat.tif"])
@pytest.mark.usefixtures("small")
def test_a_flat_picture_that_takes_too_much_is_refused(tmp_path: Path, name: str) -> None:
    options = {"compression": "tiff_adobe_deflate"} if name.endswith("tif") else {}
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / name, **options)
    for read in (read_picture, read_raster, read_raster_header, read_mask_file):
        with pytest.raises(
            UnreadablePicture, match=r"MB to decode.*set RESIDUA_PICTURE_MEMORY=\d+ in the env"
        ):
            read(tmp_path / name)


@pytest.mark.usefixtures("small")
def test_one_with_as_much_in_its_file_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "noisy.png", noisy=True)
    assert read_picture(path).shape == (SIDE, SIDE, 3)
    assert read_raster(path).shape == (SIDE, SIDE, 3)


@pytest.mark.usefixtures("small")
def test_the_user_may_allow_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "flat.png")
    monkeypatch.setenv(budget.SETTING, "1")
    assert read_picture(path).shape == (SIDE, SIDE, 3)
    monkeypatch.setenv(budget.SETTING, "1 GB")
    with pytest.raises(BadInput, match="'1 GB'; it is a whole number of megabytes, such as 800"):
        read_picture(path)


@pytest.mark.usefixtures("small")
def test_a_jpeg_that_is_reduced_takes_little_unless_it_is_progressive(tmp_path: Path) -> None:
    image = Image.new("RGB", (4 * SIDE, 4 * SIDE))
    image.save(tmp_path / "baseline.jpg", quality=10)
    image.save(tmp_path / "progressive.jpg", quality=10, progressive=True)
    assert (tmp_path / "baseline.jpg").stat().st_size < 4 * SIDE**2 // 10
    assert min(read_picture(tmp_path / "baseline.jpg", side=32).shape[:2]) == 32
    with pytest.raises(UnreadablePicture, match="MB to decode"):
        read_picture(tmp_path / "progressive.jpg", side=32)


def test_the_coefficients_of_a_jpeg_of_several_scans_count() -> None:
    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE)).save(file, "JPEG")
    whole = file.getvalue()
    start = whole.rindex(b"\xff\xda\0\x0c\x03")
    alone = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0"  # a scan of the first component only
    with Image.open(io.BytesIO(whole)) as one, Image.open(io.BytesIO(whole[:start] + alone)) as several:
        assert budget.decoder_needs(one, SIDE**2) == 0
        assert budget.decoder_needs(several, SIDE**2) == 6 * SIDE**2


@pytest.mark.usefixtures("small")
def test_a_mask_may_take_what_its_picture_may(tmp_path: Path) -> None:
    path = written(tmp_path, "mask.png")
    with pytest.raises(UnreadablePicture, match="MB to decode"):
        read_mask_file(path)
    assert read_mask_file(path, beside=10_000).stored.shape == (SIDE, SIDE)


def test_bands_change_no_pixel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [odd.name for odd in write_odd(tmp_path)]
    whole = [(read_picture(tmp_path / name), read_mask_of(tmp_path / name)) for name in names]
    monkeypatch.setattr(colours, "_BAND", 100)
    banded = [(read_picture(tmp_path / name), read_mask_of(tmp_path / name)) for name in names]
    for name, before, after in zip(names, whole, banded, strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True)), name
        assert [one.dtype for one in before] == [other.dtype for other in after], name


def read_mask_of(path: Path) -> np.ndarray:
    try:
        return read_mask_file(path).stored
    except UnreadablePicture:
        return np.zeros((0, 0), np.uint8)


def test_pieces_of_a_mask_change_no_class_and_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = np.random.default_rng(0).choice([3, 70_000, 9], (50, 40)).astype(np.int32)
    known = MaskEncoding(kind="values", classes=("a", "b"), values=(3, 70_000), void=(9,), mode="I")
    whole = known.decode(stored), scan.counted(stored)
    monkeypatch.setattr(encoding, "_PIECE", 100)
    monkeypatch.setattr(scan, "_ROWS", 100)
    assert np.array_equal(known.decode(stored), whole[0])
    assert scan.counted(stored) == whole[1]
    stored[::2] = 5
    with pytest.raises(UnreadablePicture, match="1,000 of its pixels have the value 5"):
        known.decode(stored)
