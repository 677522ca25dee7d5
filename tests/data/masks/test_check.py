"""What is wrong with a set of masks is found and named, and what is only unusual is a note."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from residua.cli.check import check
from residua.data.masks import check_masks
from tests.data.masks.make import blobs, saved, two_folders


def divided(root: Path) -> Path:
    """Write train with 8 pairs and val with 4, no picture twice."""
    for split, seed, count in (("train", 0, 8), ("val", 1, 4)):
        for number, (picture, mask) in enumerate(blobs(count, seed=seed)):
            saved(root / split / "images" / f"{number}.png", picture)
            saved(root / split / "masks" / f"{number}.png", mask)
    return root


def test_a_set_with_nothing_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = check_masks(divided(tmp_path))
    assert found.ok
    assert found.pictures == {"train": 8, "val": 4}
    truth = np.stack([mask for _, mask in blobs(8, seed=0)])
    assert found.pixels["train"] == {str(label): int((truth == label).sum()) for label in range(4)}
    assert check(str(tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "nothing is wrong" in printed
    assert "value 3" in printed


def test_files_that_do_not_belong_together_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    divided(tmp_path)
    (tmp_path / "train" / "masks" / "3.png").unlink()
    (tmp_path / "train" / "images" / "5.png").write_bytes(b"")
    saved(tmp_path / "val" / "masks" / "1.png", np.zeros((7, 9), np.uint8))
    found = check_masks(tmp_path)
    said = {bad.name: bad.reason for bad in found.bad}
    assert said["train/images/3.png"] == "a picture without its mask"
    assert said["train/images/5.png"] == "the file is empty (0 bytes)"
    assert said["val/masks/1.png"].startswith("the mask is 7 × 9")
    assert check(str(tmp_path)) == 1
    assert "train/images/3.png: a picture without its mask" in " ".join(capsys.readouterr().out.split())


def test_a_class_that_is_scored_and_never_learned(tmp_path: Path) -> None:
    divided(tmp_path)
    mask = blobs(1, seed=1)[0][1]
    mask[:3] = 4
    saved(tmp_path / "val" / "masks" / "0.png", mask)
    found = check_masks(tmp_path)
    assert "class '4' is in 1 picture of val and in none of train" in found.problems[0]
    assert not found.ok


def test_masks_without_any_class(tmp_path: Path) -> None:
    divided(tmp_path)
    saved(tmp_path / "train" / "masks" / "2.png", np.full((40, 56), 255, np.uint8))
    saved(tmp_path / "train" / "masks" / "3.png", np.zeros((40, 56), np.uint8))
    found = check_masks(tmp_path)
    assert found.all_void == ("train/images/2.png",)
    assert found.one_class == 1
    assert not found.ok


def test_the_same_picture_in_two_splits_or_with_two_masks(tmp_path: Path) -> None:
    divided(tmp_path)
    shutil.copy(tmp_path / "train" / "images" / "0.png", tmp_path / "val" / "images" / "9.png")
    shutil.copy(tmp_path / "train" / "masks" / "0.png", tmp_path / "val" / "masks" / "9.png")
    shutil.copy(tmp_path / "train" / "images" / "1.png", tmp_path / "train" / "images" / "9.png")
    shutil.copy(tmp_path / "train" / "masks" / "2.png", tmp_path / "train" / "masks" / "9.png")
    leak, double = check_masks(tmp_path).wrong_doubles
    assert (leak.names, leak.leaks, leak.masks_agree) == (
        ("train/images/0.png", "val/images/9.png"),
        True,
        True,
    )
    assert (double.names, double.leaks) == (("train/images/1.png", "train/images/9.png"), False)
    assert not double.masks_agree


def test_the_same_picture_in_equal_files_is_kept_together_and_no_harm(tmp_path: Path) -> None:
    two_folders(tmp_path, 20)
    for folder, suffix in (("images", "jpg"), ("masks", "png")):
        shutil.copy(tmp_path / folder / f"04.{suffix}", tmp_path / folder / f"copy.{suffix}")
    found = check_masks(tmp_path)
    assert found.ok
    assert [one.names for one in found.same] == [("images/04.jpg", "images/copy.jpg")]


def test_masks_that_are_not_understood_are_a_problem_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    divided(tmp_path)
    Image.fromarray(blobs(1)[0][0]).save(tmp_path / "train" / "masks" / "0.png")
    assert check(str(tmp_path)) == 1
    assert "unlike kinds" in capsys.readouterr().out


def test_json_has_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(divided(tmp_path)), as_json=True) == 0
    assert '"values":[0,1,2,3]' in capsys.readouterr().out
