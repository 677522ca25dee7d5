"""What `residua check` prints: names whole, lines within the screen, and what training will do."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from residua.cli.findings import show
from residua.data import check

WIDTH = 80


def noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)).save(path)


def printed(data: Path | str) -> str:
    file = io.StringIO()
    show(Console(file=file, width=WIDTH), check(data))
    return file.getvalue()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for first, label in enumerate(("cat", "dog")):
        for index in range(10):
            noise(tmp_path / label / f"{index}.png", 100 * first + index)
    return tmp_path


def test_equal_files_are_named_counted_and_said_to_stay_together(photos: Path) -> None:
    for index in range(7):
        shutil.copy(photos / "cat" / f"{index}.png", photos / "cat" / f"{index} copy.png")
    said = printed(photos)
    assert "14 files for 7 pictures; in training, equal files stay together" in said
    assert "cat/0 copy.png and cat/0.png" in said
    assert "and 2 more like these" in said
    assert "nothing is wrong" in said


def test_a_picture_in_a_hundred_files_is_named_by_a_few_of_them(photos: Path) -> None:
    for copy in range(99):
        shutil.copy(photos / "cat" / "0.png", photos / "cat" / f"copy {copy:02d}.png")
    assert "cat/0.png, cat/copy 00.png, cat/copy 01.png and 97 more" in " ".join(printed(photos).split())


def test_uneven_classes_are_said(photos: Path) -> None:
    for index in range(100, 130):
        noise(photos / "dog" / f"{index}.png", 1_000 + index)
    said = " ".join(printed(photos).split())
    assert "32 training pictures of 'dog' against 8 of 'cat': training weights the classes" in said
    assert "dog 40 80.0" in said


def test_names_in_brackets_are_names(photos: Path) -> None:
    (photos / "cat").rename(photos / "[red]cat")
    (photos / "[red]cat" / "[b]x.png").write_bytes(b"")
    said = printed(photos)
    assert "[red]cat  " in said
    assert "[red]cat/[b]x.png: the file is empty" in said


def test_no_line_is_wider_than_the_screen_and_no_name_is_broken(photos: Path) -> None:
    long = "-".join(["a_very_long_name"] * 5) + ".png"
    (photos / "cat" / long).write_bytes(b"<html>")
    (photos / "cat" / "half.png").write_bytes((photos / "cat" / "1.png").read_bytes()[:99])
    lines = printed(photos).splitlines()
    assert [line for line in lines if len(line) > WIDTH and long not in line] == []
    assert any(f"cat/{long}:" in line for line in lines)


def test_one_is_not_many(tmp_path: Path, photos: Path) -> None:
    (photos / "cat" / "notes.txt").write_text("x")
    assert "1 file that is no picture by its name (.txt) ignored" in printed(photos)


def test_a_table_without_one_good_line_is_said(photos: Path) -> None:
    (photos / "t.csv").write_text("path,label\ncat/0.png,\ncat/1.png,\n")
    assert "line 2 has no label" in printed(photos / "t.csv")
