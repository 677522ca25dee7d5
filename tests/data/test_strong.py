"""Strong augmentation: two operations out of fourteen, drawn, and no black where there was none."""

import numpy as np
import pytest
from PIL import Image

from residua.data import Augment, Picture, Preprocess
from residua.data.reducing import to_image, to_picture
from residua.data.strong import OF_GREY, OPERATIONS, STRONG_DRAWS, Operation, varied

AMOUNTS = (0.0, 0.3, 0.5, 0.8, 0.999)
GEOMETRIC = ("rotate", "shear across", "shear down", "move across", "move down")


def noise(side: int, channels: int) -> Picture:
    return np.random.default_rng(0).integers(0, 256, (side, side, channels), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [1, 2, 8, 33])
def test_each_operation_keeps_the_shape_and_whole_values(side: int, channels: int) -> None:
    picture = noise(side, channels)
    for operation in (OPERATIONS if channels == 3 else OF_GREY).values():
        for amount in AMOUNTS:
            result = to_picture(operation(to_image(picture), amount))
            assert (result.shape, result.dtype) == (picture.shape, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_operation_is_reached_and_others_as_often(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = OPERATIONS if channels == 3 else OF_GREY
    reached: list[str] = []

    def noted(name: str) -> Operation:
        def note(image: Image.Image, amount: float) -> Image.Image:
            reached.append(name)
            return image

        return note

    for name in table:
        monkeypatch.setitem(table, name, noted(name))
    draws = np.random.default_rng(0).random((1_400, STRONG_DRAWS))
    for row in draws:
        varied(noise(4, channels), row)
    counts = [reached.count(name) for name in table]
    assert len(table) == 14 - (channels == 1)
    assert min(counts) > 150 and max(counts) < 270  # 200 each, or 215 of the 13 for grey


@pytest.mark.parametrize("name", GEOMETRIC)
def test_no_corner_is_black_where_the_picture_is_bright(name: str) -> None:
    bright = np.full((24, 24, 3), 220, np.uint8)
    for amount in AMOUNTS:
        assert (to_picture(OPERATIONS[name](to_image(bright), amount)) == 220).all()


@pytest.mark.parametrize("name", GEOMETRIC)
def test_half_the_amount_of_an_operation_with_a_sign_is_none(name: str) -> None:
    assert np.array_equal(to_picture(OPERATIONS[name](to_image(noise(21, 3)), 0.5)), noise(21, 3))


def test_a_turn_is_about_the_middle_and_a_move_is_whole_pixels() -> None:
    picture = noise(20, 1)
    moved = to_picture(OPERATIONS["move across"](to_image(picture), 0.75))
    assert np.array_equal(moved[:, :17], picture[:, 3:])
    cross = np.zeros((21, 21, 1), np.uint8)
    cross[10] = cross[:, 10] = 255
    turned = to_picture(OPERATIONS["rotate"](to_image(cross), 0.9))
    assert turned[10, 10] == 255
    assert np.allclose(turned.astype(int), np.rot90(turned).astype(int), atol=2)


def test_the_draws_of_the_light_augmentation_are_in_the_strong_one() -> None:
    light, strong = Augment(crop="shift", shift=2), Augment(crop="shift", shift=2, strong=True)
    assert np.array_equal(light.draw(50, 7, 3), strong.draw(50, 7, 3)[:, :-STRONG_DRAWS])


def test_the_light_augmentation_gives_the_bits_that_it_always_gave() -> None:
    draws = Augment().draw(3, 5, 1)
    assert draws.shape == (3, 10)
    expected = np.random.default_rng((5, 1, 1)).random((3, 10))
    expected[:, 2] = np.random.default_rng((5, 0, 3)).random(3)
    assert np.array_equal(draws, expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_draws_give_the_same_picture_and_others_another(channels: int) -> None:
    augment = Augment(crop="shift", shift=2, mirror=True, strong=True)
    preprocess = Preprocess(
        size=16, resize=16, channels=channels, mean=(0.0,) * channels, std=(1.0,) * channels, read_side=32
    )
    one, again, other = (augment.draw(8, 0, epoch) for epoch in (1, 1, 2))

    def pictures(draws: np.ndarray) -> list[bytes]:
        return [augment.apply(noise(16, channels), row, preprocess).tobytes() for row in draws]

    assert pictures(one) == pictures(again)
    assert all(a != b for a, b in zip(pictures(one), pictures(other), strict=True))
