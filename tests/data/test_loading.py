"""One split read whole before it is evaluated: all that cannot be read is named at once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from residua.data import BadFile, Preprocess, Split, load_split, open_split
from residua.errors import BadData

CLASSES = ("cat", "dog")
PREPROCESS = Preprocess(size=8, resize=8, channels=3, mean=(0.0,) * 3, std=(1.0,) * 3, read_side=16)


@pytest.fixture
def split(tmp_path: Path) -> Split:
    for first, label in enumerate(CLASSES):
        (tmp_path / label).mkdir()
        for index in range(5):
            Image.new("RGB", (8, 8), (first, index, 0)).save(tmp_path / label / f"{index}.png")
    return open_split(tmp_path, classes=CLASSES)


def spoil(tmp_path: Path, *names: str) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"")


def test_a_whole_split_is_held_with_the_same_pixels(split: Split) -> None:
    held, left_out = load_split(split, PREPROCESS, "photos")
    assert left_out == ()
    assert held.names == split.names
    for index in range(len(split)):
        assert np.array_equal(held.read(index, side=16), split.read(index))


def test_all_that_cannot_be_read_is_named_at_once(split: Split, tmp_path: Path) -> None:
    spoil(tmp_path, "cat/2.png", "dog/0.png")
    with pytest.raises(BadData, match="2 pictures in photos cannot be read") as caught:
        load_split(split, PREPROCESS, "photos")
    assert "cat/2.png: the file is empty" in str(caught.value)
    assert "dog/0.png: the file is empty" in str(caught.value)
    assert "--skip-bad" in str(caught.value)


def test_they_are_left_out_when_asked_to(split: Split, tmp_path: Path) -> None:
    spoil(tmp_path, "cat/2.png")
    rest, left_out = load_split(split, PREPROCESS, "photos", skip_bad=True)
    assert left_out == (BadFile("cat/2.png", "the file is empty (0 bytes)"),)
    assert rest.counts() == {"cat": 4, "dog": 5}


def test_not_one_that_can_be_read_is_refused(split: Split, tmp_path: Path) -> None:
    spoil(tmp_path, *split.names)
    with pytest.raises(
        BadData, match=r"not one picture of all in photos can be read; the first: cat/0\.png: "
    ):
        load_split(split, PREPROCESS, "photos", skip_bad=True)
