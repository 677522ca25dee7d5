"""What `check` finds: broken files, doubles, leaks and labels that disagree."""

from pathlib import Path

import numpy as np
from PIL import Image

from residua.data import check


def noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)).save(path)


def good(root: Path) -> Path:
    for split in ("train", "val"):
        for label in ("cat", "dog"):
            for index in range(3):
                noise(root / split / label / f"{index}.png", 100 * len(split) + 10 * ord(label[0]) + index)
    return root


def test_a_good_set_is_good(tmp_path: Path) -> None:
    found = check(good(tmp_path))
    assert found.ok
    assert found.counts == {"train": {"cat": 3, "dog": 3}, "val": {"cat": 3, "dog": 3}}
    assert found.typical == (12, 12)


def test_a_leak_between_splits_is_found_by_its_pixels(tmp_path: Path) -> None:
    root = good(tmp_path)
    noise(root / "train" / "cat" / "same.png", 7_000)
    Image.open(root / "train" / "cat" / "same.png").save(root / "val" / "cat" / "other.bmp")
    (leak,) = check(root).leaks
    assert set(leak.names) == {"train/cat/same.png", "val/cat/other.bmp"}


def test_one_picture_under_two_labels_is_found(tmp_path: Path) -> None:
    root = good(tmp_path)
    noise(root / "train" / "cat" / "x.png", 8_000)
    noise(root / "train" / "dog" / "x.png", 8_000)
    found = check(root)
    assert not found.ok
    assert [one.disagrees for one in found.alike] == [True]


def test_a_broken_file_is_named_with_its_reason(tmp_path: Path) -> None:
    root = good(tmp_path)
    (root / "val" / "dog" / "page.jpg").write_text("<html>not found</html>")
    ((name, reason),) = check(root).bad
    assert name == "val/dog/page.jpg"
    assert "HTML" in reason


def test_a_class_missing_from_a_split_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    root = good(tmp_path)
    noise(root / "train" / "owl" / "0.png", 1)
    found = check(root)
    assert not found.ok
    assert any("'owl' has no picture in val" in sentence for sentence in found.problems)
