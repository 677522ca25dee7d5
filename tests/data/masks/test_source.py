"""Sources of masks: divided, written down, opened again as they were, loaded, and less what is bad."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from residua.data.masks import (
    MaskDescription,
    MaskPreprocess,
    describe_masks,
    load_mask_split,
    load_masks,
    open_masks,
    reopen_masks,
)
from residua.data.masks.division import in_strata
from residua.errors import BadData
from tests.data.masks.make import blobs, saved, two_folders


def names(root: Path, seed: int = 0) -> dict[str, tuple[str, ...]]:
    return {name: split.names for name, split in open_masks(root, seed=seed).splits.items()}


def test_what_is_not_divided_is_divided_from_the_seed(tmp_path: Path) -> None:
    two_folders(tmp_path, 40)
    found = names(tmp_path)
    assert {name: len(part) for name, part in found.items()} == {"train": 32, "val": 4, "test": 4}
    assert len({name for part in found.values() for name in part}) == 40
    assert names(tmp_path) == found
    assert names(tmp_path, seed=1) != found


def test_without_val_a_tenth_of_train_is_held_out(tmp_path: Path) -> None:
    two_folders(tmp_path / "train", 20)
    two_folders(tmp_path / "test", 5)
    source = open_masks(tmp_path)
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 18, "val": 2, "test": 5}
    assert any("held out" in note for note in source.notes)


def test_every_class_is_trained_on_and_a_rare_one_validated(tmp_path: Path) -> None:
    """Class 2 is in one picture of sixty, class 3 in a fifth of them: 2 is in train, and 3 in every split."""
    for number, (picture, _) in enumerate(blobs(60)):
        mask = np.zeros((40, 56), np.uint8)
        mask[:4] = 1
        mask[5:8] = 2 * (number == 17)
        mask[9:12] = 3 * (number % 5 == 0)
        saved(tmp_path / "images" / f"{number:02d}.png", picture)
        saved(tmp_path / "masks" / f"{number:02d}.png", mask)
    for seed in range(5):
        splits = open_masks(tmp_path, seed=seed).splits
        assert splits["train"].pictures_with()["2"] == 1
        assert all(split.pictures_with()["3"] >= 1 for split in splits.values())


def test_the_rarest_class_of_a_picture_is_that_of_the_fewest_pictures() -> None:
    counts = np.array([[9, 0, 1], [9, 5, 0], [9, 5, 0], [9, 0, 0]], np.int64)
    assert in_strata(counts, seed=0).tolist()[0] == 3
    assert in_strata(counts, seed=0).tolist()[-1] == 0


def test_equal_pictures_stay_together(tmp_path: Path) -> None:
    two_folders(tmp_path, 20)
    for number in range(20):
        for folder, suffix in (("images", "jpg"), ("masks", "png")):
            shutil.copy(
                tmp_path / folder / f"{number:02d}.{suffix}", tmp_path / folder / f"{number:02d}b.{suffix}"
            )
    for part in names(tmp_path).values():
        stems = {Path(name).stem for name in part}
        assert all((f"{stem[:2]}b" in stems) and (stem[:2] in stems) for stem in stems)


def test_one_pair_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="1 different picture with a mask; at least two"):
        open_masks(two_folders(tmp_path, 1))


def test_a_source_is_opened_again_as_it_was(tmp_path: Path) -> None:
    two_folders(tmp_path / "set", 20)
    source = open_masks(tmp_path / "set", seed=3)
    text = msgspec.json.encode(describe_masks(source))
    saved(tmp_path / "set" / "images" / "new.png", blobs(1)[0][0])
    saved(tmp_path / "set" / "masks" / "new.png", blobs(1)[0][1])
    shutil.copytree(tmp_path / "set", tmp_path / "moved")
    again = reopen_masks(tmp_path / "moved", msgspec.json.decode(text, type=MaskDescription))
    assert again.fingerprint() == source.fingerprint()
    for name, split in source.splits.items():
        assert again.splits[name].names == split.names
        for index in range(len(split)):
            before, after = split.read(index), again.splits[name].read(index)
            assert np.array_equal(before.picture, after.picture)
            assert np.array_equal(before.mask, after.mask)


@pytest.mark.parametrize("folder", ["images", "masks"])
def test_a_change_since_is_named(tmp_path: Path, folder: str) -> None:
    description = describe_masks(open_masks(two_folders(tmp_path, 10)))
    gone, changed = sorted((tmp_path / folder).iterdir())[:2]
    gone.unlink()
    changed.write_bytes(changed.read_bytes() + b"x")
    with pytest.raises(BadData, match="not as it was") as caught:
        reopen_masks(tmp_path, description)
    assert f"{folder}/{gone.name} (" in str(caught.value)
    assert f"{folder}/{changed.name} (" in str(caught.value)


def test_scenes_are_opened_again_by_their_seed() -> None:
    source = open_masks("scenes", seed=4)
    assert reopen_masks("scenes", describe_masks(source)).fingerprint() == source.fingerprint()
    assert open_masks("scenes", seed=5).fingerprint() != source.fingerprint()


def test_loading_names_what_cannot_be_read_and_leaves_it_out_when_asked(tmp_path: Path) -> None:
    two_folders(tmp_path, 12)
    (tmp_path / "masks" / "02.png").write_bytes(b"")
    source = open_masks(tmp_path)
    (tmp_path / source.splits["train"].names[0]).write_bytes(b"\xff\xd8\xff")
    loaded = load_masks(source, MaskPreprocess.for_source(source))
    assert {bad.name for bad in loaded.bad} == {"masks/02.png", source.splits["train"].names[0]}
    left = loaded.without(loaded.bad)
    assert sum(map(len, left.splits.values())) == 10
    assert left.bad == ()
    assert "2 files left out" in left.notes[-1]


def test_one_split_is_loaded_for_evaluation(tmp_path: Path) -> None:
    source = open_masks(two_folders(tmp_path, 20))
    preprocess = MaskPreprocess.for_source(source, scale=0.5)
    (tmp_path / source.splits["val"].names[0]).write_bytes(b"")
    with pytest.raises(BadData, match=r"1 file .* cannot be used(.|\n)*--skip-bad"):
        load_mask_split(source.splits["val"], preprocess, tmp_path)
    split, bad = load_mask_split(source.splits["val"], preprocess, tmp_path, skip_bad=True)
    assert (len(split), len(bad)) == (1, 1)
    picture, mask = split.read(0, scale=0.5)
    assert (picture.shape, mask.shape) == ((20, 28, 3), (40, 56))


def test_what_does_not_fit_in_memory_stays_in_its_files(tmp_path: Path) -> None:
    source = open_masks(two_folders(tmp_path, 12))
    preprocess = MaskPreprocess.for_source(source)
    held, left = load_masks(source, preprocess), load_masks(source, preprocess, memory_limit=0)
    assert type(held.splits["train"].pairs).__name__ == "HeldPairs"
    assert type(left.splits["train"].pairs).__name__ == "FilePairs"


def test_the_real_thing(camvid: Path) -> None:
    source = open_masks(camvid)
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 367, "val": 101}
    assert (len(source.classes), source.encoding.void, source.bad) == (11, (11,), ())
    share = source.splits["train"].void_pixels() / int(source.splits["train"].shapes.prod(axis=1).sum())
    assert 0.03 < share < 0.05


def test_when_most_is_unusable_the_reasons_are_said_at_once(tmp_path: Path) -> None:
    two_folders(tmp_path, 12)
    for number in range(8):
        saved(tmp_path / "masks" / f"{number:02d}.png", np.zeros((20, 28), np.uint8))
    with pytest.raises(BadData, match=r"8 files .* cannot be used(.|\n)*masks/00.png: the mask is 20 × 28"):
        open_masks(tmp_path)


def test_a_train_split_of_which_nothing_is_left_is_refused_with_the_reasons(tmp_path: Path) -> None:
    two_folders(tmp_path / "train", 3)
    two_folders(tmp_path / "val", 9)
    for path in (tmp_path / "train" / "images").iterdir():
        path.write_bytes(b"")
    with pytest.raises(
        BadData, match=r"3 files .* cannot be used(.|\n)*train/images/00.jpg: the file is empty"
    ):
        open_masks(tmp_path)
