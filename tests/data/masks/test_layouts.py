"""The layouts of pictures and masks that people have, and what is said of files without a partner."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from residua.data import is_mask_data, open_data
from residua.data.masks import MaskSource, open_masks, unusable
from residua.errors import BadData
from tests.data.masks.make import blobs, saved, two_folders

PICTURE, MASK = blobs(1)[0]

LAYOUTS = {
    "two folders": ("images/{n}.jpg", "masks/{n}.png"),
    "other names": ("JPEGImages/{n}.jpg", "SegmentationClass/{n}.png"),
    "a suffix": ("images/{n}.jpg", "masks/{n}_mask.png"),
    "several words": ("img/{n}_leftImg8bit.png", "gt/{n}_gtFine_labelIds.png"),
    "camvid": ("images/{n}.png", "labels/{n}_L.png"),
    "ome": ("images/{n}.ome.tif", "masks/{n}.ome.tif"),
    "ome and a suffix": ("images/{n}.ome.tif", "masks/{n}_label.tif"),
    "a prefix": ("images/image_{n}.png", "masks/mask_{n}.png"),
    "a prefix without a break": ("images/img{n}.png", "masks/mask{n}.png"),
    "names with words of their own": ("images/im {n}.png", "masks/im {n}_mask.png"),
    "nested": ("images/berlin/{n}.png", "masks/berlin/{n}.png"),
    "one folder deeper": ("set/images/{n}.png", "set/masks/{n}.png"),
    "all in one folder": ("{n}.png", "{n}_mask.png"),
    "a folder a patient": ("patient/{n}.tif", "patient/{n}_mask.tif"),
}


def laid_out(root: Path, image: str, mask: str, names: list[str]) -> Path:
    for name in names:
        saved(root / image.format(n=name), PICTURE)
        saved(root / mask.format(n=name), MASK)
    return root


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_is_found_and_paired(tmp_path: Path, layout: tuple[str, str]) -> None:
    names = [f"{number:03d}" for number in range(6)]
    root = laid_out(tmp_path, *layout, names)
    for number in range(6):  # or they would be equal files, of which none is held out
        saved(root / layout[0].format(n=f"{number:03d}"), PICTURE + np.uint8(number))
    assert is_mask_data(root)
    source = open_masks(root)
    assert source.bad == ()
    found = [pair for split in source.splits.values() for pair in split.pairs.named()]
    assert sorted(pair.image for pair in found) == [layout[0].format(n=name) for name in names]
    numbers = [next(name for name in names if name in Path(pair.image).name) for pair in found]
    assert [pair.masks for pair in found] == [(layout[1].format(n=number),) for number in numbers]
    assert sorted(source.splits) == ["test", "train", "val"]


SPLITS = {
    "above": ("{s}/images/{n}.png", "{s}/masks/{n}.png"),
    "below": ("images/{s}/{n}.png", "masks/{s}/{n}.png"),
    "beside": ("{s}/{n}.png", "{s}annot/{n}.png"),
    "beside with a break": ("{s}/{n}.png", "{s}_masks/{n}_mask.png"),
}


@pytest.mark.parametrize("layout", SPLITS.values(), ids=SPLITS)
def test_splits_are_found(tmp_path: Path, layout: tuple[str, str]) -> None:
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        image, mask = (part.replace("{s}", split) for part in layout)
        laid_out(tmp_path, image, mask, [str(number) for number in range(count)])
    source = open_masks(tmp_path)
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 4, "val": 2, "test": 3}


LAYERS = {
    "a folder a picture": ("images/{n}.png", "masks/{n}/{c}.png"),
    "a folder a class": ("images/{n}.png", "masks/{c}/{n}.png"),
    "an ending a class": ("images/{n}.png", "masks/{n}_{c}.png"),
    "an ending, of ome": ("images/{n}.ome.tif", "masks/{n}_{c}.png"),
    "an ending and a suffix": ("images/{n}.png", "masks/{n}_{c}_mask.png"),
}


@pytest.mark.parametrize("layout", LAYERS.values(), ids=LAYERS)
def test_one_file_for_each_class(tmp_path: Path, layout: tuple[str, str]) -> None:
    for number, (picture, mask) in enumerate(blobs(6)):
        saved(tmp_path / layout[0].format(n=number), picture)
        for label, name in ((1, "cell"), (2, "dirt")):
            saved(tmp_path / layout[1].format(n=number, c=name), (mask == label) * np.uint8(255))
    source = open_masks(tmp_path)
    assert source.classes == ("background", "cell", "dirt")
    train = source.splits["train"]
    truth = blobs(6)[int(Path(train.names[0]).name.split(".")[0])][1]
    wanted = np.where(truth == 3, 0, truth).astype(np.uint8)
    assert np.array_equal(train.read(0).mask, wanted)
    written = source.encoding.save(wanted, tmp_path / "out", "7")
    pattern = layout[1].removeprefix("masks/").replace("_mask", "")
    assert written == [tmp_path / "out" / pattern.format(n=7, c=name) for name in ("cell", "dirt")]
    for label, path in enumerate(written, start=1):
        assert np.array_equal(np.asarray(Image.open(path)) == 255, wanted == label)


def test_a_table_with_two_columns_of_paths(tmp_path: Path) -> None:
    rows = ["image;mask;split"]
    for number in range(6):
        laid_out(tmp_path, "a/{n}.png", "b/x{n}y.png", [str(number)])
        rows.append(f"a/{number}.png;b/x{number}y.png;{'train' if number < 4 else 'valid'}")
    rows.append("a/0.png;b/gone.png;train")
    (tmp_path / "set.csv").write_text("\n".join(rows))
    assert is_mask_data(tmp_path / "set.csv")
    source = open_data(tmp_path / "set.csv")
    assert isinstance(source, MaskSource)
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 4, "val": 2}
    assert [bad.name for bad in source.bad] == ["a/0.png"]


def test_partners_that_are_missing_or_doubled_are_named(tmp_path: Path) -> None:
    two_folders(tmp_path, 8)
    (tmp_path / "masks" / "03.png").unlink()
    (tmp_path / "images" / "05.jpg").unlink()
    saved(tmp_path / "masks" / "06_mask.png", MASK)
    saved(tmp_path / "images" / "07.png", PICTURE)
    source = open_masks(tmp_path)
    said = str(unusable(tmp_path, source.bad))
    for part in (
        "images/03.jpg: a picture without its mask",
        "masks/05.png: a mask without its picture",
        "images/06.jpg: it has more than one mask: masks/06.png and masks/06_mask.png",
        "masks/07.png: it may be the mask of images/07.jpg and images/07.png",
    ):
        assert part in said
    assert sum(len(split) for split in source.splits.values()) == 4


def test_names_that_fit_nowhere_are_refused_with_an_example(tmp_path: Path) -> None:
    laid_out(tmp_path, "images/cell{n}.png", "masks/other{n}.png", ["1", "2"])
    with pytest.raises(
        BadData, match=r"not one mask .* a picture is called cell1.png, a mask other1.png.*cell1_mask"
    ):
        open_masks(tmp_path)


@pytest.mark.parametrize("size", [(20, 30), (40, 50)])
def test_a_mask_of_another_size_is_named(tmp_path: Path, size: tuple[int, int]) -> None:
    two_folders(tmp_path, 6)
    saved(tmp_path / "masks" / "02.png", np.zeros(size, np.uint8))
    bad = open_masks(tmp_path).bad
    assert [one.name for one in bad] == ["masks/02.png"]
    assert f"the mask is {size[0]} × {size[1]} and its picture images/02.jpg is 40 × 56" in bad[0].reason


def test_class_folders_are_no_masks(tmp_path: Path) -> None:
    laid_out(tmp_path, "cat/{n}.png", "dog/{n}.png", ["1", "2", "3"])
    assert not is_mask_data(tmp_path)
    (tmp_path / "photos.csv").write_text("path,label\ncat/1.png,cat\ndog/1.png,dog\n")
    assert not is_mask_data(tmp_path / "photos.csv")
    with pytest.raises(BadData, match="classes were given for masks"):
        open_data(tmp_path, classes=["cat", "dog"])


def test_photos_of_people_with_masks_are_no_masks(tmp_path: Path) -> None:
    """Class folders whose files are called after a mask, without the picture that it would belong to."""
    laid_out(tmp_path, "with_mask/{n}_mask.png", "without/{n}.png", ["1", "2", "3"])
    assert not is_mask_data(tmp_path)


def test_a_split_without_masks_is_left_aside_and_said(tmp_path: Path) -> None:
    for split in ("train", "val"):
        laid_out(tmp_path, split + "/images/{n}.png", split + "/masks/{n}.png", ["1", "2"])
    saved(tmp_path / "test" / "images" / "1.png", PICTURE)
    source = open_masks(tmp_path)
    assert sorted(source.splits) == ["train", "val"]
    assert "test/ has no masks beside its pictures and is not read" in source.notes


def test_polygons_are_no_masks(tmp_path: Path) -> None:
    saved(tmp_path / "images" / "1.png", PICTURE)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "1.json").write_text("{}")
    with pytest.raises(
        BadData, match=r"masks holds no mask \(1 file that is no picture .*\(.json\) ignored\)"
    ):
        open_masks(tmp_path)


def test_of_several_views_of_a_mask_that_of_the_classes_is_taken(tmp_path: Path) -> None:
    """As in Cityscapes: labels, colours and instances beside one another, and the labels of training preferred."""
    for number in range(4):
        stem = f"aachen_{number:06d}"
        saved(
            tmp_path / "leftImg8bit" / "train" / "aachen" / f"{stem}_leftImg8bit.png",
            PICTURE + np.uint8(number),
        )
        for view in ("labelIds", "color", "instanceIds", *(["labelTrainIds"] if number else [])):
            saved(tmp_path / "gtFine" / "train" / "aachen" / f"{stem}_gtFine_{view}.png", MASK)
    source = open_masks(tmp_path)
    assert source.bad == ()
    taken = {
        pair.masks[0].rsplit("_", 1)[1] for split in source.splits.values() for pair in split.pairs.named()
    }
    assert taken == {"labelIds.png", "labelTrainIds.png"}


def test_more_than_one_folder_of_masks_is_asked_about(tmp_path: Path) -> None:
    """As in DRIVE, where `mask/` is the field of view; a folder of text files is no such folder."""
    laid_out(tmp_path, "training/images/{n}.png", "training/1st_manual/{n}_manual1.png", ["21", "22"])
    laid_out(tmp_path, "training/images/{n}.png", "training/mask/{n}_mask.png", ["21", "22"])
    assert is_mask_data(tmp_path)
    with pytest.raises(BadData, match=r"more than one folder that may be its masks: 1st_manual, mask;"):
        open_masks(tmp_path)
    boxes = laid_out(tmp_path / "other", "images/{n}.png", "masks/{n}.png", ["1", "2"])
    (boxes / "labels").mkdir()
    (boxes / "labels" / "1.txt").write_text("0 .5 .5 .1 .1")
    saved(boxes / "images" / "2.png", PICTURE + np.uint8(1))
    assert open_masks(boxes).bad == ()
