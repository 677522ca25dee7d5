"""What `check` finds: broken files, doubles, leaks and labels that disagree."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from residua.data import check, open_source


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


def test_it_says_how_far_it_is(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    check(good(tmp_path), tell=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (12, 12)


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


def undivided(root: Path, counts: dict[str, int]) -> Path:
    for first, (label, count) in enumerate(counts.items()):
        for index in range(count):
            noise(root / label / f"{index}.png", 1_000 * first + index)
    return root


def test_equal_files_are_named_and_harm_nothing(tmp_path: Path) -> None:
    root = undivided(tmp_path, {"cat": 10, "dog": 10})
    for copy in ("copy.png", "again.png"):
        shutil.copy(root / "cat" / "3.png", root / "cat" / copy)
    found = check(root)
    assert found.ok
    (double,) = found.doubles
    assert set(double.names) == {"cat/3.png", "cat/copy.png", "cat/again.png"}
    assert double.equal


def test_one_picture_in_different_files_may_leak_when_it_is_divided(tmp_path: Path) -> None:
    root = undivided(tmp_path, {"cat": 10, "dog": 10})
    Image.open(root / "cat" / "3.png").save(root / "cat" / "3.bmp")
    found = check(root)
    assert not found.ok
    assert [set(one.names) for one in found.may_leak] == [{"cat/3.png", "cat/3.bmp"}]
    assert found.doubles == ()


def test_the_same_in_different_files_of_a_divided_set_harms_nothing(tmp_path: Path) -> None:
    root = good(tmp_path)
    Image.open(root / "train" / "cat" / "0.png").save(root / "train" / "cat" / "0.bmp")
    found = check(root)
    assert found.ok and len(found.doubles) == 1


@pytest.mark.parametrize(("dogs", "weighted"), [(30, False), (3, True)])
def test_uneven_classes_are_what_training_says_they_are(tmp_path: Path, dogs: int, weighted: bool) -> None:
    root = undivided(tmp_path, {"cat": 30, "dog": dogs})
    found = check(root)
    assert found.learned == open_source(root).splits["train"].counts()
    assert found.weighted == weighted
    assert found.ok


def test_what_only_dividing_brings_to_light_is_a_problem(tmp_path: Path) -> None:
    found = check(undivided(tmp_path, {"cat": 1, "dog": 1}))
    assert not found.ok
    assert any("none can be held out" in sentence for sentence in found.problems)


def test_a_missing_file_has_the_line_of_its_table(tmp_path: Path) -> None:
    root = undivided(tmp_path, {"cat": 5, "dog": 5})
    rows = [f"{label}/{index}.png,{label}" for label in ("cat", "dog") for index in range(5)]
    (root / "t.csv").write_text("\n".join(["path,label", *rows, "cat/gone.png,cat"]))
    ((name, reason),) = check(root / "t.csv").bad
    assert (name, reason) == ("cat/gone.png", "there is no such file (line 12 of t.csv)")
