"""Parts of pictures resized by the compiled code and by Pillow: the same bits, and no aliasing."""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from residua import compiling
from residua.data import resampling
from residua.data.resampling import Box, Filter, resampled, resampler

compiled = pytest.mark.skipif(resampler() is None, reason="there is no C++ compiler here")


def cases(count: int) -> Iterator[tuple[np.ndarray, tuple[int, int], Box | None, Filter, bool]]:
    """Walk random pictures, sizes and parts, from single pixels to more than the kernel takes at once."""
    random = np.random.default_rng(0)
    for number in range(count):
        height, width = (int(np.exp(random.uniform(0, 6))) for _ in range(2))
        size = tuple(int(np.exp(random.uniform(0, 5.5))) for _ in range(2))
        left, right = np.sort(random.uniform(0, width, 2))
        top, bottom = np.sort(random.uniform(0, height, 2))
        boxes: tuple[Box | None, ...] = (
            None,
            (float(left), float(top), float(right), float(bottom)),
            (0.0, 0.0, float(right), float(height)),
            (width - 1.0, height - 1.0, float(width), float(height)),
        )
        picture = random.integers(0, 256, (height, width, random.choice([1, 3])), np.uint8)
        filters: tuple[Filter, ...] = ("bilinear", "bilinear", "bicubic")
        yield picture, (size[0], size[1]), boxes[number % 4], filters[number % 3], bool(random.integers(2))


def by_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be no compiled code."""
    monkeypatch.setattr(resampling, "_libraries", [None])


@compiled
def test_the_bits_are_those_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    given = list(cases(400))
    ours = [resampled(p, size, box=box, filter=kind, mirror=flip) for p, size, box, kind, flip in given]
    by_pillow(monkeypatch)
    for found, (p, size, box, kind, flip) in zip(ours, given, strict=True):
        expected = resampled(p, size, box=box, filter=kind, mirror=flip)
        assert np.array_equal(found, expected), (p.shape, size, box, kind, flip)


def test_a_picture_differs_by_two_of_255_from_one_resize_of_pillow() -> None:
    """Pillow may take the rows first, and then rounds otherwise in between."""
    random = np.random.default_rng(1)
    for _ in range(40):
        height, width = random.integers(150, 500, 2)
        picture = random.integers(0, 256, (height, width, 3), np.uint8)
        box = (width * 0.1, height * 0.2, width * 0.9, height * 0.95)
        once = Image.fromarray(picture).resize((224, 224), Image.Resampling.BILINEAR, box=box)
        found = resampled(picture, (224, 224), box=box)
        assert np.abs(found.astype(int) - np.asarray(once)).max() <= 2


def test_lines_too_fine_for_the_size_become_grey() -> None:
    """A filter that does not widen would show stripes that are not there."""
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    found = resampled(stripes, (90, 90))[:, 2:-2]
    assert found.min() > 110 and found.max() < 145


def test_what_lies_apart_in_memory_is_read_right() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (50, 60, 3), np.uint8)
    apart = picture[::2, ::-1]
    assert np.array_equal(resampled(apart, (20, 20)), resampled(apart.copy(), (20, 20)))


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 5, 11), (3, 0, 3, 5), (0, 0, 10.1, 5), (0, 6, 5, 5)])
@pytest.mark.parametrize("with_code", [True, False])
def test_a_part_outside_the_picture_is_refused(
    box: Box, with_code: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_code:
        by_pillow(monkeypatch)
    with pytest.raises(ValueError, match="part"):
        resampled(np.zeros((10, 10, 3), np.uint8), (4, 4), box=box)


def test_without_a_compiler_pillow_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "_libraries", [])
    monkeypatch.setattr(compiling, "COMPILERS", ())
    monkeypatch.delenv("CXX", raising=False)
    assert resampler() is None
    assert resampled(np.full((9, 7, 1), 5, np.uint8), (3, 4)).tolist() == [[[5]] * 4] * 3
