"""A picture and its mask are varied as one: each pixel keeps the class it had."""

import numpy as np
import pytest
import torch

from residua.data.masks import MaskAugment, Masked, MaskPreprocess
from residua.data.masks.augment import place_of_class
from residua.data.masks.warp import folded, nearest, sampled, seen
from residua.types import VOID

SIDE = 8


def checkerboard(height: int, width: int) -> Masked:
    """Return squares of class 0 and 1 whose picture is 0 where the class is 0, and 255 where it is 1."""
    rows, columns = np.mgrid[:height, :width] // SIDE
    board = ((rows + columns) % 2).astype(np.uint8)
    return Masked(np.repeat(board[:, :, None] * np.uint8(255), 3, axis=2), board)


def preprocess(crop: tuple[int, int], scale: float = 1.0) -> MaskPreprocess:
    return MaskPreprocess(crop=crop, scale=scale, channels=3, mean=(0.0,) * 3, std=(1.0,) * 3)


KINDS = {
    "cut": MaskAugment(),
    "flipped": MaskAugment(mirror=True, upend=True),
    "turned": MaskAugment(turn=180),
    "zoomed": MaskAugment(zoom=1.5),
    "bent": MaskAugment(bend=0.05),
    "all": MaskAugment(mirror=True, upend=True, turn=30, zoom=1.5, bend=0.03),
}


@pytest.mark.parametrize("augment", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("reduced", [1, 2])
def test_a_checkerboard_and_its_mask_stay_on_each_other(augment: MaskAugment, reduced: int) -> None:
    """Where the picture is surely white the mask says 1, where it is surely black 0, and edges are no wider."""
    board = checkerboard(96, 120)
    # Reduced by taking the mean of whole squares of pixels, so that no edge is smeared.
    small = (
        board.picture.reshape(96 // reduced, reduced, 120 // reduced, reduced, 3)
        .mean((1, 3))
        .astype(np.uint8)
    )
    draws = augment.draw(24, seed=1, epoch=1)
    for row in draws:
        planes, mask = augment.apply(Masked(small, board.mask), row, preprocess((48, 40), 1 / reduced))
        white, black = planes[0].numpy() > 0.99, planes[0].numpy() < 0.01
        known = mask != VOID
        assert (mask[white & known] == 1).all()
        assert (mask[black & known] == 0).all()
        assert known.mean() > 0.4
        sure = (white | black)[known].mean()
        assert sure > 0.5, "the board would be a blur, and the test blind"


def test_an_alignment_that_is_off_by_one_pixel_is_seen() -> None:
    """The test above can fail: a mask moved by a pixel is no longer on its picture."""
    board = checkerboard(96, 120)
    moved = Masked(board.picture, np.roll(board.mask, 1, axis=1))
    planes, mask = MaskAugment().apply(moved, MaskAugment().draw(1, 1, 1)[0], preprocess((48, 40)))
    assert (mask[planes[0].numpy() > 0.99] != 1).any()


def test_what_is_only_cut_keeps_its_pixels() -> None:
    random = np.random.default_rng(0)
    picture, mask = random.integers(0, 256, (40, 50, 3), np.uint8), random.integers(0, 5, (40, 50), np.uint8)
    planes, cut = MaskAugment().apply(
        Masked(picture, mask), MaskAugment().draw(1, 0, 0)[0], preprocess((16, 20))
    )
    places = [
        (top, left)
        for top in range(25)
        for left in range(31)
        if np.array_equal(mask[top : top + 16, left : left + 20], cut)
    ]
    assert len(places) == 1
    top, left = places[0]
    wanted = torch.from_numpy(picture[top : top + 16, left : left + 20].astype(np.float32) / 255).permute(
        2, 0, 1
    )
    assert torch.allclose(planes, wanted, atol=1e-4)


def test_nothing_is_known_beyond_the_picture() -> None:
    board = checkerboard(16, 16)
    _, mask = MaskAugment().apply(board, MaskAugment().draw(1, 0, 0)[0], preprocess((24, 24)))
    assert np.array_equal(mask[4:20, 4:20], board.mask)
    assert (np.delete(mask, np.s_[4:20], axis=0) == VOID).all()


def test_beyond_the_picture_it_is_mirrored() -> None:
    ramp = np.arange(8, dtype=np.uint8)[None, :, None].repeat(8, axis=0)
    points = seen((8, 16), (4.0, 4.0), np.eye(2))
    assert sampled(ramp, points)[0, 0].round().tolist() == [3, 2, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 6, 5, 4]
    assert folded(points.x, 8).min() >= 0
    assert (nearest(ramp[:, :, 0], points)[0, :4] == VOID).all()


def test_crops_prefer_rare_classes() -> None:
    """One pixel in ten thousand has class 1: far more crops have it than chance would give."""
    picture, mask = np.zeros((200, 200, 3), np.uint8), np.zeros((200, 200), np.uint8)
    mask[150, 20] = 1
    found = {}
    for rare in (0.0, 0.5):
        augment = MaskAugment(rare=rare)
        draws = augment.draw(200, seed=0, epoch=0)
        crops = [augment.apply(Masked(picture, mask), row, preprocess((32, 32)))[1] for row in draws]
        found[rare] = sum((crop == 1).any() for crop in crops)
    assert found[0.0] < 12
    assert 35 < found[0.5] < 70  # half of the crops look for a class, and half of those for this one


def test_a_mask_that_is_all_void_has_no_class_to_look_for() -> None:
    assert place_of_class(np.full((4, 4), VOID, np.uint8), 0.5, 0.5) is None


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_any_depth_and_any_number_of_channels_is_varied(kind: type) -> None:
    full = 65_535 if kind is np.uint16 else 1
    board = checkerboard(32, 32).mask
    picture = np.repeat(board[:, :, None], 5, axis=2).astype(kind) * kind(full)
    five = MaskPreprocess(crop=(16, 16), scale=1.0, channels=5, mean=(0.0,) * 5, std=(1.0,) * 5)
    augment = MaskAugment(recolour=0.1)
    planes, mask = augment.apply(Masked(picture, board), augment.draw(1, 0, 0)[0], five)
    assert planes.shape == (5, 16, 16)
    assert set(mask.ravel().tolist()) == {0, 1}
    assert float(planes[:, mask == 1].min()) > float(planes[:, mask == 0].max())
