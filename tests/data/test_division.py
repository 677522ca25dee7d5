"""What is divided for the user: by class, from the seed, and equal files together."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from residua.data import Source, open_source
from residua.errors import BadData

CLASSES = {"cat": 0, "dog": 1_000}


def noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)).save(path)


def fill(root: Path, count: int, copies: int) -> Path:
    for label, first in CLASSES.items():
        for index in range(count):
            for copy in range(copies):
                noise(root / label / f"{index:02d}_{copy}.png", first + index)
    return root


def shown(source: Source) -> Iterator[tuple[str, set[bytes]]]:
    for name, split in source.splits.items():
        yield name, {split.read(index).tobytes() for index in range(len(split))}


def assert_apart(source: Source) -> None:
    splits = dict(shown(source))
    assert sum(map(len, splits.values())) == len(set().union(*splits.values()))


def test_copies_of_a_picture_stay_in_one_split_and_it_is_said(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, 10, 3))
    assert_apart(source)
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 48, "val": 6, "test": 6}
    assert "equal files are kept together in one split: 60 files for 20 pictures" in source.notes


def test_copies_stay_together_when_val_is_held_out_of_train(tmp_path: Path) -> None:
    fill(tmp_path / "train", 20, 2)
    for label in CLASSES:
        noise(tmp_path / "test" / label / "new.png", 5_000 + ord(label[0]))
    source = open_source(tmp_path)
    assert_apart(source)
    assert len(source.splits["val"]) == 8


def test_without_copies_the_division_is_the_one_it_always_was(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, 10, 1), seed=3)
    held = {name: source.splits[name].names for name in ("val", "test")}
    assert held == {"val": ("cat/06_0.png", "dog/09_0.png"), "test": ("cat/01_0.png", "dog/07_0.png")}
    assert not any("equal files" in note for note in source.notes)


def test_one_picture_under_two_classes_stays_in_one_split_too(tmp_path: Path) -> None:
    fill(tmp_path, 10, 1)
    for index in range(5):
        shutil.copy(tmp_path / "cat" / f"{index:02d}_0.png", tmp_path / "dog" / f"wrong {index}.png")
    source = open_source(tmp_path)
    assert_apart(source)
    assert "under more than one class: 5 pictures; `residua check` names them" in source.notes


def test_a_class_of_copies_of_one_picture_is_too_small(tmp_path: Path) -> None:
    fill(tmp_path, 10, 1)
    for copy in range(4):
        noise(tmp_path / "owl" / f"{copy}.png", 7_000)
    source = open_source(tmp_path)
    assert [split.counts()["owl"] for split in source.splits.values()] == [4, 0, 0]
    assert "class 'owl' has 1 different picture, too few for val and test" in source.notes


def test_a_class_with_nothing_of_its_own_left_to_learn_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 10, 1)
    held_out = Path(open_source(tmp_path).splits["test"].names[0])
    (tmp_path / "owl").mkdir()
    shutil.copy(tmp_path / held_out, tmp_path / "owl" / held_out.name)
    with pytest.raises(BadData, match="every picture of class 'owl' is there under another class too"):
        open_source(tmp_path)
