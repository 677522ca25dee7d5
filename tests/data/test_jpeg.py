"""JPEG pictures decoded by simplejpeg and by Pillow: the same bits, the same refusals."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from residua.data import Picture, UnreadablePicture, decode_picture, jpeg
from tests.data.odd import colours

installed = pytest.mark.skipif(jpeg.simplejpeg is None, reason="simplejpeg is not installed")


def encoded(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def noisy(height: int, width: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(height * width).integers(
        0, 256, (height // 3 + 1, width // 3 + 1, 3), np.uint8
    )
    return Image.fromarray(pixels).resize((width, height)).convert(mode)


def answer(content: bytes, side: int | None) -> Picture | str:
    try:
        return decode_picture(content, name="it", side=side)[1]
    except UnreadablePicture as refusal:
        return str(refusal)


def both(
    content: bytes, side: int | None, monkeypatch: pytest.MonkeyPatch
) -> tuple[Picture | str, Picture | str]:
    """Return what comes of a file with simplejpeg and without."""
    ours = answer(content, side)
    with monkeypatch.context() as without:
        without.setattr(jpeg, "simplejpeg", None)
        return ours, answer(content, side)


def assert_same(content: bytes, side: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = both(content, side, monkeypatch)
    assert type(ours) is type(theirs), (ours, theirs)
    assert np.array_equal(ours, theirs)


@installed
@pytest.mark.parametrize("side", [None, 20, 70, 130])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_bits_are_those_of_pillow(
    side: int | None, mode: str, subsampling: int, progressive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for height, width in ((1, 1), (37, 61), (150, 400), (301, 199), (640, 90), (700, 900)):
        content = encoded(
            noisy(height, width, mode), quality=88, subsampling=subsampling, progressive=progressive
        )
        assert_same(content, side, monkeypatch)


@installed
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_block_says(
    orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for side in (None, 50):
        assert_same(encoded(noisy(90, 140), exif=exif), side, monkeypatch)


@installed
def test_simplejpeg_is_asked_for_ordinary_pictures_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    plain = jpeg.simplejpeg.decode_jpeg

    def decode(content: bytes, *rest: object, **options: object) -> np.ndarray:
        asked.append(content)
        return plain(content, *rest, **options)

    monkeypatch.setattr(jpeg.simplejpeg, "decode_jpeg", decode)
    grey, inks = encoded(noisy(40, 40, "L")), encoded(noisy(40, 40, "CMYK"))
    for content in (grey, inks):
        decode_picture(content, name="it")
    with pytest.raises(UnreadablePicture, match="at most 100 are read"):
        decode_picture(encoded(noisy(40, 40)), name="it", most=100)
    assert asked == [grey]


@installed
def test_damaged_files_come_out_as_from_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(0)
    whole = encoded(Image.fromarray(colours()).resize((120, 90)), quality=85)
    for number in range(300):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content) if number % 2 else 700)] = chance.randrange(256)
        if number % 5 == 0:
            del content[chance.randrange(len(content)) :]
        assert_same(bytes(content), chance.choice([None, 40]), monkeypatch)


@installed
def test_headers_are_read_as_by_pillow() -> None:
    """Of a plain file; and what is not plain is left to it."""
    plain = [encoded(noisy(30, 50, mode), icc_profile=b"p" * 99, comment="yes") for mode in ("RGB", "L")]
    assert [jpeg.plain_header(content) for content in plain] == [(30, 50, 3), (30, 50, 1)]
    exif = Image.Exif()
    exif[0x0112] = 6
    odd = [
        encoded(noisy(30, 50), exif=exif),
        encoded(noisy(30, 50), progressive=True),
        encoded(noisy(30, 50, "CMYK")),
        plain[0][:-2],
        plain[0][:300],
        b"\xff\xd8" + b"\xff\xfe\0\2" * 5_000 + plain[0][2:],
        b"",
    ]
    assert [jpeg.plain_header(content) for content in odd] == [None] * len(odd)


@installed
def test_sizes_are_drafted_as_by_pillow() -> None:
    chance = random.Random(1)
    for _ in range(200):
        width, height, side = (chance.randint(1, 300) for _ in range(3))
        image = Image.open(io.BytesIO(encoded(Image.new("L", (width, height)))))
        if (scale := side / min(image.size)) < 1:
            image.draft(None, (int(width * scale), int(height * scale)))
        assert jpeg.drafted(width, height, side) == image.size
