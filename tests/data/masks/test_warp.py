"""Warping is what a loop over every pixel does, in and beyond the picture, whatever the depth."""

import numpy as np
import pytest

from residua.data.masks.warp import Points, bent, nearest, sampled, seen
from residua.types import VOID
from tests.oracle.warping import between_four, class_at

RANDOM = np.random.default_rng(0)


def somewhere(height: int, width: int, *, far: float) -> Points:
    """Return points in a picture, and up to `far` of its sides beyond it."""
    x = RANDOM.uniform(-far * width, (1 + far) * width, (7, 9)).astype(np.float32)
    y = RANDOM.uniform(-far * height, (1 + far) * height, (7, 9)).astype(np.float32)
    return Points(x, y)


@pytest.mark.parametrize("far", [0.0, 0.4, 2.5])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_picture_at_any_points(kind: type, far: float) -> None:
    picture = RANDOM.integers(0, 250, (12, 17, 2)).astype(kind)
    points = somewhere(12, 17, far=far)
    slow = [
        [between_four(picture, float(x), float(y)) for x, y in zip(*rows, strict=True)]
        for rows in zip(*points, strict=True)
    ]
    assert np.allclose(sampled(picture, points).permute(1, 2, 0).numpy(), slow, atol=1e-2)


@pytest.mark.parametrize("far", [0.0, 0.4, 2.5])
def test_a_mask_at_any_points(far: float) -> None:
    mask = RANDOM.integers(0, 9, (12, 17)).astype(np.uint8)
    points = somewhere(12, 17, far=far)
    slow = [
        [class_at(mask, float(x), float(y), void=VOID) for x, y in zip(*rows, strict=True)]
        for rows in zip(*points, strict=True)
    ]
    assert np.array_equal(nearest(mask, points), slow)


def test_a_small_part_of_a_large_picture_is_read_as_from_the_whole() -> None:
    """Only the part around the points is looked at, which must not show."""
    large = RANDOM.integers(0, 256, (300, 400, 3)).astype(np.uint8)
    points = seen((16, 16), (211.3, 95.8), np.array([[0.9, 0.3], [-0.3, 0.9]]))
    cut = Points(points.x - 150, points.y - 50)
    assert np.allclose(sampled(large, points), sampled(large[50:150, 150:300], cut), atol=1e-2)


def test_bending_goes_through_its_knots() -> None:
    points = seen((9, 9), (4.5, 4.5), np.eye(2))
    knots = RANDOM.uniform(-2, 2, (2, 3, 3))
    moved = bent(points, knots)
    assert np.allclose((moved.x - points.x)[::4, ::4], knots[0], atol=1e-5)
    assert np.allclose((moved.y - points.y)[::4, ::4], knots[1], atol=1e-5)
