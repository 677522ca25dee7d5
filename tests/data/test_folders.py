"""Folders of class folders, divided or not, tidy or not."""

import errno
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from residua.data import Source, load, open_source, open_split
from residua.data.preprocess import Preprocess
from residua.errors import BadData
from tests.data.odd import write_broken, write_odd


def fill(folder: Path, count: int, *, value: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tone = zlib.crc32(folder.name.encode()) % 256  # no two classes hold the same pictures
    for index in range(count):
        Image.new("RGB", (10, 8), (value, index, tone)).save(folder / f"{index:03d}.png")


def counts(source: Source) -> dict[str, dict[str, int]]:
    return {name: split.counts() for name, split in source.splits.items()}


def test_class_folders_are_divided_by_class_from_the_seed(tmp_path: Path) -> None:
    fill(tmp_path / "cat", 20)
    fill(tmp_path / "dog", 40)
    source = open_source(tmp_path, seed=4)
    assert counts(source) == {
        "train": {"cat": 16, "dog": 32},
        "val": {"cat": 2, "dog": 4},
        "test": {"cat": 2, "dog": 4},
    }
    names = [name for split in source.splits.values() for name in split.names]
    assert len(names) == len(set(names)) == 60
    assert "divided by class into 80 % train, 10 % val, 10 % test, seed 4" in source.notes
    again = open_source(tmp_path, seed=4)
    assert again.fingerprint() == source.fingerprint() != open_source(tmp_path, seed=5).fingerprint()


def test_a_picture_is_labelled_by_its_folder_and_read_by_its_name(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "b", 3, value=200)
    fill(tmp_path / "train" / "a", 3, value=100)
    fill(tmp_path / "val" / "a", 1, value=100)
    fill(tmp_path / "val" / "b", 1, value=200)
    source = open_source(tmp_path)
    assert source.classes == ("a", "b")
    for split in source.splits.values():
        for index, name in enumerate(split.names):
            assert source.classes[split.labels[index]] == name.split("/")[1]
            assert np.array_equal(split.read(index), np.asarray(Image.open(tmp_path / name)))
    assert (source.channels, source.typical_size, source.mirrored) == (3, (8, 10), True)


@pytest.mark.parametrize(
    ("train", "val", "test"), [("Train", "valid", "testing"), ("training", "VAL", "Test")]
)
def test_the_usual_names_of_splits_are_known_and_said(
    tmp_path: Path, train: str, val: str, test: str
) -> None:
    for split in (train, val, test):
        for label in ("a", "b"):
            fill(tmp_path / split / label, 2)
    source = open_source(tmp_path)
    assert list(source.splits) == ["train", "val", "test"]
    assert f"{val}/ is read as val" in source.notes


def test_without_val_a_tenth_of_train_is_held_out_by_class(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "a", 50)
    fill(tmp_path / "train" / "b", 30)
    fill(tmp_path / "test" / "a", 3)
    fill(tmp_path / "test" / "b", 3)
    source = open_source(tmp_path)
    assert counts(source) == {"train": {"a": 45, "b": 27}, "val": {"a": 5, "b": 3}, "test": {"a": 3, "b": 3}}
    assert any("8 of the 80 train pictures are held out" in note for note in source.notes)


def test_a_class_missing_from_a_split_is_named_with_the_nearest(tmp_path: Path) -> None:
    for split, labels in {"train": ("cat", "dog"), "val": ("cat", "Dog "), "test": ("cat", "dog")}.items():
        for label in labels:
            fill(tmp_path / split / label, 2)
    with pytest.raises(BadData) as caught:
        open_source(tmp_path)
    message = str(caught.value)
    assert "class 'dog' has no picture in val (is 'Dog ' the same class?)" in message
    assert "class 'Dog ' is in val but not in train (is 'dog' the same class?)" in message


def test_an_empty_class_folder_is_a_problem(tmp_path: Path) -> None:
    for label in ("a", "b"):
        fill(tmp_path / label, 5)
    (tmp_path / "c").mkdir()
    with pytest.raises(BadData, match="class folder c/ holds no picture"):
        open_source(tmp_path)


def test_very_small_classes_are_in_train_first_then_val_and_said(tmp_path: Path) -> None:
    for label, count in (("one", 1), ("two", 2), ("three", 3), ("many", 30)):
        fill(tmp_path / label, count)
    source = open_source(tmp_path)
    assert counts(source) == {
        "train": {"many": 24, "one": 1, "three": 1, "two": 1},
        "val": {"many": 3, "one": 0, "three": 1, "two": 1},
        "test": {"many": 3, "one": 0, "three": 1, "two": 0},
    }
    assert "class 'one' has 1 picture, too few for val and test" in source.notes
    assert "class 'two' has 2 pictures, too few for test" in source.notes


def test_what_is_no_picture_is_left_out_and_counted(tmp_path: Path) -> None:
    for label in ("a", "b"):
        fill(tmp_path / label, 10)
    for litter in (".DS_Store", "a/._000.png", "a/Thumbs.db", "b/readme.txt", "__MACOSX/a/000.png"):
        (tmp_path / litter).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / litter).write_bytes(b"litter")
    source = open_source(tmp_path)
    assert sum(map(len, source.splits.values())) == 20
    assert source.classes == ("a", "b")
    assert "2 hidden files or folders ignored" in source.notes
    assert "2 files or folders of the operating system ignored" in source.notes
    assert "1 file that is no picture by its name (.txt) ignored" in source.notes


def test_folders_within_a_class_belong_to_it_and_a_link_upwards_is_not_followed(tmp_path: Path) -> None:
    fill(tmp_path / "a" / "indoors" / "x.jpg", 6)
    fill(tmp_path / "b", 6)
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a")
    source = open_source(tmp_path)
    assert sum(split.counts()["a"] for split in source.splits.values()) == 6
    assert "a/indoors/x.jpg/000.png" in {name for split in source.splits.values() for name in split.names}


def test_a_folder_alone_in_its_folder_is_gone_into(tmp_path: Path) -> None:
    fill(tmp_path / "photos" / "photos" / "a", 10)
    fill(tmp_path / "photos" / "photos" / "b", 10)
    source = open_source(tmp_path)
    assert source.classes == ("a", "b")
    assert all(name.startswith("photos/photos/") for name in source.splits["train"].names)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for label in ("car", "plane", "train"):
        fill(tmp_path / label, 10)
    assert open_source(tmp_path).classes == ("car", "plane", "train")


def test_a_test_folder_without_classes_is_not_used_and_said(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "a", 20)
    fill(tmp_path / "train" / "b", 20)
    fill(tmp_path / "test", 5)
    source = open_source(tmp_path)
    assert list(source.splits) == ["train", "val"]
    assert "test/ beside train/ holds no class folders of train and is not read" in source.notes


def test_a_picture_beside_the_class_folders_of_val_is_left_out_and_val_is_read(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for label in ("a", "b"):
            fill(tmp_path / split / label, 3)
    Image.new("L", (4, 4)).save(tmp_path / "val" / "stray.png")
    source = open_source(tmp_path)
    assert len(source.splits["val"]) == 6
    assert "in no class and not read: 1 picture directly in val/" in source.notes


@pytest.mark.parametrize("folders", [("images", "masks"), ("train/Images", "train/labels", "val/x", "val/y")])
def test_pictures_with_their_masks_are_no_two_classes(tmp_path: Path, folders: tuple[str, ...]) -> None:
    for folder in folders:
        fill(tmp_path / folder, 3)
    with pytest.raises(BadData, match="looks like data for segmentation") as caught:
        open_source(tmp_path)
    assert "photos/cat/1.jpg" in str(caught.value)


def test_the_layouts_are_shown_without_the_folder_that_was_wrong(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "cat", 3)
    with pytest.raises(BadData, match="3 pictures and no folder") as caught:
        open_source(tmp_path / "train" / "cat")
    assert str(caught.value).count("train/cat") == 2  # where it was looked, and an example
    assert "train/cat/train" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ([], "no picture and no folder"),
        (["x.png"], "1 picture and no folder"),
        (["train/x.png", "test/y.png"], "no class folders in train/"),
        (["a/x.png"], "at least two"),
    ],
)
def test_other_layouts_are_refused_with_those_that_are_read(
    tmp_path: Path, make: list[str], message: str
) -> None:
    for name in make:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / name)
    with pytest.raises(BadData, match=message):
        open_source(tmp_path)


def test_a_mistyped_path_names_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "photos" / "cat", 1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadData, match="did you mean photos\\?"):
        open_source("photso")
    with pytest.raises(BadData, match="did you mean photos/cat\\?"):
        open_source("photos/cst")
    with pytest.raises(BadData, match="did you mean photos\\?"):
        open_source("phots/cat/x")
    with pytest.raises(BadData, match=r"holds photos\. Give a folder"):
        open_source("elsewhere")


def test_what_may_not_be_looked_at_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadData, match="cannot be looked at: File name too long"):
        open_source(tmp_path / ("x" * 1_000))

    def forbid(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", forbid)
    with pytest.raises(BadData, match="noread/x cannot be looked at: Permission denied"):
        open_source(tmp_path / "noread" / "x")


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.xlsx").write_bytes(b"PK")
    with pytest.raises(BadData, match="no table"):
        open_source(tmp_path / "labels.xlsx")


def test_grey_pictures_need_one_channel_and_mixed_ones_three(tmp_path: Path) -> None:
    for label in ("aa", "bb"):
        (tmp_path / label).mkdir()
        for index in range(10):
            Image.new("L", (9, 9), index).save(tmp_path / label / f"{index}.png")
    assert open_source(tmp_path).channels == 1
    fill(tmp_path / "aa" / "more", 8)
    source = open_source(tmp_path)
    assert source.channels == 3
    assert any(note.startswith("grey and read as RGB: ") for note in source.notes)


@pytest.mark.parametrize(
    ("labels", "mirrored"), [(("left", "right"), False), (("turn_left", "stop"), False), (("b", "d"), True)]
)
def test_what_a_mirror_would_falsify_is_not_mirrored(
    tmp_path: Path, labels: tuple[str, ...], mirrored: bool
) -> None:
    for label in labels:
        fill(tmp_path / label, 5)
    assert open_source(tmp_path).mirrored == mirrored


def test_grey_letters_are_not_mirrored(tmp_path: Path) -> None:
    for label in "bd":
        (tmp_path / label).mkdir()
        for index in range(5):
            Image.new("L", (9, 9), index).save(tmp_path / label / f"{index}.png")
    assert not open_source(tmp_path).mirrored


def test_classes_that_are_numbers_are_in_their_order(tmp_path: Path) -> None:
    for label in range(12):
        fill(tmp_path / str(label), 3)
    assert open_source(tmp_path).classes == tuple(str(label) for label in range(12))


def test_broken_files_are_all_named_before_training_and_can_be_left_out(tmp_path: Path) -> None:
    fill(tmp_path / "good", 10)
    (tmp_path / "odd").mkdir()
    odd = list(write_odd(tmp_path / "odd"))
    broken = list(write_broken(tmp_path / "odd"))
    source = open_source(tmp_path)
    preprocess = Preprocess.for_source(source, 16)
    loaded = load(source, preprocess)
    assert {file.name for file in loaded.bad} == {f"odd/{name}" for name, *_ in broken}
    rest = loaded.without(loaded.bad)
    assert sum(map(len, rest.splits.values())) == 10 + len(odd)
    assert not load(rest, preprocess).bad
    assert f"{len(broken)} unreadable pictures left out" in rest.notes


def test_one_split_is_opened_for_the_classes_of_a_model(tmp_path: Path) -> None:
    fill(tmp_path / "dog", 4)
    fill(tmp_path / "cat", 4)
    split = open_split(tmp_path, classes=("owl", "dog", "cat"))
    assert (split.name, split.counts()) == ("all", {"owl": 0, "dog": 4, "cat": 4})
    with pytest.raises(BadData, match="class 'dog', which the model does not know"):
        open_split(tmp_path, classes=("owl", "cat"))
    with pytest.raises(BadData, match="no split 'test'"):
        open_split(tmp_path, classes=("cat", "dog"), split="test")
