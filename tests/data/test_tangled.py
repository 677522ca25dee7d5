"""A file made of very many parts is refused before a decoder looks through them."""

import random
from pathlib import Path

import pytest

from benchmarks.hostile.bombs import FRAME, bombs, chunk, gif, jpeg, png, segment
from benchmarks.hostile.mangle import mangled
from benchmarks.hostile.reader import READERS
from benchmarks.hostile.seeds import seeds
from residua.data.tangled import PARTS, SCANS, what_is_tangled
from residua.errors import ResiduaError

QUICK = (
    *("a-million-chunks.png", "a-million-segments.jpg", "megabytes-of-nothing.jpg", "comments.gif"),
    *("declares-900-megapixels.bmp", "declares-4000-megapixels.gif", "declares-1000-megapixels.tif"),
    *("a-tile-of-3-gigabytes.tif", "2-billion-channels.tif", "pages-in-a-circle.tif", "100000-pages.tif"),
    "declares-3600-megapixels.png",
)


@pytest.mark.parametrize("name", QUICK)
def test_a_bomb_is_refused_by_what_reads_images_with_masks(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bombs()[name]())
    with pytest.raises(ResiduaError, match=r"pixels|parts|chunks|comments|circle|pages|MB to decode|damaged"):
        READERS["an image with a mask"](tmp_path / name)


def test_pictures_as_encoders_write_them_are_not_tangled() -> None:
    assert {name: what_is_tangled(content) for name, content in seeds().items()} == dict.fromkeys(seeds())


def test_what_is_just_below_the_limits_is_read() -> None:
    assert what_is_tangled(jpeg(segment(0xE1, b"a") * (PARTS - 20))) is None
    assert what_is_tangled(png(8, 8, extra=chunk(b"tEXt", b"a\0b") * (PARTS - 20))) is None
    assert what_is_tangled(gif(8, 8, FRAME * 10 * PARTS)) is None
    one = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\0"
    assert what_is_tangled(b"\xff\xd8\xff\xc2\0\x02" + one * SCANS + b"\xff\xd9") is None
    assert "scans" in str(what_is_tangled(b"\xff\xd8\xff\xc2\0\x02" + one * (SCANS + 1) + b"\xff\xd9"))
    hidden = b"\xff\xfe\0\x04\xff\xd9"  # a comment that looks like the end
    assert "scans" in str(
        what_is_tangled(b"\xff\xd8\xff\xc2\0\x02" + one + hidden + one * SCANS + b"\xff\xd9")
    )


def test_damaged_pictures_are_read_or_refused(tmp_path: Path) -> None:
    """The short form of `scripts/faults images`: every kind of picture, damaged a few times."""
    known, chance = seeds(), random.Random(0)
    refused = 0
    for name, content in known.items():
        for number in range(4):
            path = tmp_path / f"{number}-{name}"
            path.write_bytes(mangled(content, known[chance.choice(list(known))], chance).content)
            for read in READERS.values():
                try:
                    read(path)
                except ResiduaError:
                    refused += 1
    assert 0 < refused < len(known) * 4 * len(READERS)
