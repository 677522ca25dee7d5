"""A source written down and opened again is the same source."""

from pathlib import Path

import msgspec
import pytest
from PIL import Image

from residua.data import Description, describe, open_source, reopen
from residua.errors import BadData


def photos(root: Path) -> Path:
    for label, colour in (("cat", 40), ("dog", 200)):
        (root / label).mkdir(parents=True)
        for index in range(20):
            Image.new("L", (10, 12), colour + index).save(root / label / f"{index}.png")
    return root


def test_written_and_read_back_it_has_the_same_splits(tmp_path: Path) -> None:
    source = open_source(photos(tmp_path / "photos"), seed=3)
    written = msgspec.json.encode(describe(source))
    again = reopen(tmp_path / "photos", msgspec.json.decode(written, type=Description))
    assert again.fingerprint() == source.fingerprint()
    assert {name: len(split) for name, split in again.splits.items()} == {"train": 32, "val": 4, "test": 4}


def test_a_picture_that_is_gone_is_named(tmp_path: Path) -> None:
    source = open_source(photos(tmp_path / "photos"))
    gone = source.splits["test"].names[0]
    (tmp_path / "photos" / gone).unlink()
    with pytest.raises(BadData, match=gone):
        reopen(tmp_path / "photos", describe(source))


def test_pictures_added_since_are_counted_and_not_used(tmp_path: Path) -> None:
    source = open_source(photos(tmp_path / "photos"))
    Image.new("L", (10, 12)).save(tmp_path / "photos" / "cat" / "new.png")
    again = reopen(tmp_path / "photos", describe(source))
    assert again.fingerprint() == source.fingerprint()
    assert "1 picture was not part of it and not read" in again.notes
