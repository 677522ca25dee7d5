"""The embedded scenes: the same each time, masks that fit the digits, and no digit in two splits."""

import numpy as np
import pytest

from residua.data import Scenes, scenes
from residua.data.digits import digit_pictures
from residua.data.scenes import CLASSES
from residua.data.split import ArrayPictures
from residua.errors import BadInput

COUNTS = {"train": 40, "val": 10, "test": 10}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Scenes]:
    return scenes(counts=COUNTS)


def test_the_same_seed_gives_the_same_scenes(drawn: dict[str, Scenes]) -> None:
    again, other = scenes(counts=COUNTS), scenes(seed=1, counts=COUNTS)
    for name, split in drawn.items():
        assert np.array_equal(split.pictures, again[name].pictures)
        assert np.array_equal(split.masks, again[name].masks)
        assert not np.array_equal(split.pictures, other[name].pictures)


def test_more_scenes_change_none(drawn: dict[str, Scenes]) -> None:
    more = scenes(counts={"val": 12})["val"]
    assert np.array_equal(more.pictures[:10], drawn["val"].pictures)
    assert more.digits[:10] == drawn["val"].digits


def test_no_digit_is_in_two_splits(drawn: dict[str, Scenes]) -> None:
    used = [{index for scene in split.digits for index in scene} for split in drawn.values()]
    assert all(used)
    assert sum(map(len, used)) == len(set.union(*used))


def test_a_mask_has_the_classes_of_its_digits(drawn: dict[str, Scenes]) -> None:
    _, labels = digit_pictures()
    for split in drawn.values():
        assert split.classes == CLASSES
        for mask, digits in zip(split.masks, split.digits, strict=True):
            assert 1 <= len(digits) <= 3
            assert set(np.unique(mask)) == {0, *(1 + labels[index] for index in digits)}


def test_masks_lie_on_the_digits(drawn: dict[str, Scenes]) -> None:
    """A digit stands out from its ground, and less so where its mask is shifted by a few pixels."""

    def contrast(picture: np.ndarray, inside: np.ndarray) -> float:
        return abs(float(picture[inside].mean() - np.median(picture)))

    train = drawn["train"]
    alone = [place for place, digits in enumerate(train.digits) if len(digits) == 1]
    assert len(alone) > 5
    for place in alone:
        picture, inside = train.pictures[place, :, :, 0].astype(float), train.masks[place] > 0
        here = contrast(picture, inside)
        assert here > 25
        for shift in (-4, 4):
            for axis in (0, 1):
                assert contrast(picture, np.roll(inside, shift, axis)) < 0.9 * here


def test_digits_lie_within_the_scene_and_apart(drawn: dict[str, Scenes]) -> None:
    masks = np.concatenate([split.masks for split in drawn.values()])
    frame = np.ones(masks.shape[1:], bool)
    frame[1:-1, 1:-1] = False
    assert not masks[:, frame].any()
    for one, other in ((masks[:, :-1], masks[:, 1:]), (masks[:, :, :-1], masks[:, :, 1:])):
        assert ((one == other) | (one == 0) | (other == 0)).all()


def test_they_are_pictures_of_a_split(drawn: dict[str, Scenes]) -> None:
    val = drawn["val"]
    pictures, masks = ArrayPictures(val.pictures), ArrayPictures(val.masks[..., None])
    assert pictures.read(3).shape == masks.read(3).shape == (64, 64, 1)
    assert len(val) == 10
    assert len(set(val.names)) == 10


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(BadInput, match="16 pixels a side; digits need 32 or more"):
        scenes(side=16)
    with pytest.raises(BadInput, match="scenes of holdout; there are train, val and test"):
        scenes(counts={"holdout": 1})
