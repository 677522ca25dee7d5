"""Every odd picture is read right, and every broken one is named with its reason."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from residua.data import UnreadablePicture, read_picture
from residua.data.pictures import read_header, read_whole
from tests.data.odd import HEIGHT, WIDTH, Odd, colours, write_broken, write_odd


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("odd")


@pytest.fixture(scope="module")
def odd(folder: Path) -> list[Odd]:
    return list(write_odd(folder))


@pytest.fixture(scope="module")
def broken(folder: Path) -> list[Odd]:
    return list(write_broken(folder))


def test_every_odd_picture_is_read_right(folder: Path, odd: list[Odd]) -> None:
    wrong = []
    for name, pixels, tolerance, _ in odd:
        found = read_picture(folder / name)
        assert found.dtype == np.uint8
        if pixels is None or found.shape != pixels.shape:
            wrong.append((name, found.shape))
        elif (difference := np.abs(found.astype(int) - pixels.astype(int)).max()) > tolerance:
            wrong.append((name, difference))
    assert not wrong
    assert len(odd) > 60


def test_every_broken_picture_is_named_with_its_reason(folder: Path, broken: list[Odd]) -> None:
    wrong = []
    for name, _, _, reason in broken:
        try:
            read_picture(folder / name, name=name)
            wrong.append((name, "read without complaint"))
        except UnreadablePicture as refusal:
            if refusal.name != name or reason not in refusal.reason:
                wrong.append((name, refusal.reason))
    assert not wrong
    assert len(broken) >= 20


def test_what_is_refused_whole_is_refused_reduced(folder: Path, broken: list[Odd]) -> None:
    for name, *_ in broken:
        with pytest.raises(UnreadablePicture, match=name.replace(".", r"\.")):
            read_picture(folder / name, name=name, side=8)


def test_the_header_has_the_size_and_channels_of_the_pixels(folder: Path, odd: list[Odd]) -> None:
    for name, pixels, *_ in odd:
        header = read_header(folder / name)
        assert pixels is not None
        assert (header.height, header.width, header.channels) == pixels.shape, name


def test_the_header_says_what_is_odd(folder: Path, odd: list[Odd]) -> None:
    headers = {name: read_header(folder / name) for name, *_ in odd}
    assert {name for name, header in headers.items() if header.bits > 8} == {
        "rgb16.png", "grey16.png", "grey16.tiff", "grey16.pgm", "floats01.tiff",
    }  # fmt: skip
    assert {name for name, header in headers.items() if header.several} == {
        "pages.tif", "moving.webp", "moving.png",
    }  # fmt: skip
    assert {name for name, header in headers.items() if header.alpha} == {
        "alpha.png", "alpha.webp", "alpha.tiff", "grey_alpha.png", "keyed.png",
        "palette_hole.png", "palette_hole.gif", "palette_alpha.png",
    }  # fmt: skip
    turned = {name for name, header in headers.items() if header.rotated}
    assert turned == {name for name in headers if name.startswith("turned_") and "_1." not in name}


def test_permissions_are_the_reason_when_they_are(tmp_path: Path) -> None:
    path = tmp_path / "locked.png"
    Image.new("L", (4, 4)).save(path)
    path.chmod(0)
    try:
        path.read_bytes()
        pytest.skip("this user may read everything")
    except PermissionError:
        pass
    with pytest.raises(UnreadablePicture, match="permissions"):
        read_picture(path)


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePicture, match="a folder"):
        read_picture(tmp_path)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_picture_is_reduced_to_the_side(tmp_path: Path, form: str, orientation: int) -> None:
    large = Image.fromarray(colours()).resize((1_600, 1_000), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = orientation
    large.save(tmp_path / "large", form, exif=exif)
    shape = (100, 160, 3) if orientation == 1 else (160, 100, 3)
    found = read_picture(tmp_path / "large", side=100)
    assert found.shape == shape
    whole = Image.fromarray(read_picture(tmp_path / "large"))
    expected = np.asarray(whole.resize((shape[1], shape[0]), Image.Resampling.BOX)).astype(int)
    assert np.abs(found - expected).max() <= 8


def test_a_small_picture_is_not_enlarged(tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "small.png")
    assert read_picture(tmp_path / "small.png", side=300).shape == (HEIGHT, WIDTH, 3)


def test_a_damaged_exif_block_does_not_lose_the_picture(tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "exif.jpg", exif=b"Exif\0\0MM\0*" + b"\xff" * 40, quality=100)
    assert read_picture(tmp_path / "exif.jpg").shape == (HEIGHT, WIDTH, 3)


def test_no_warning_leaks_and_the_filters_are_left_as_they_were(folder: Path, odd: list[Odd]) -> None:
    names = [name for name, *_ in odd]
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught, ThreadPoolExecutor(4) as pool:
        warnings.simplefilter("always")
        inside = list(warnings.filters)
        list(pool.map(lambda name: read_picture(folder / name), names * 2))
        assert list(warnings.filters) == inside
    assert list(warnings.filters) == before
    assert not caught


def test_a_refusal_can_cross_from_another_process() -> None:
    import pickle

    refusal = pickle.loads(pickle.dumps(UnreadablePicture("a.jpg", "the file is empty")))
    assert (refusal.name, refusal.reason) == ("a.jpg", "the file is empty")


def test_header_and_pixels_come_from_one_reading(folder: Path, odd: list[Odd]) -> None:
    header, pixels = read_whole(folder / "turned_6.jpg")
    assert header.rotated
    assert (header.height, header.width) == pixels.shape[:2]
