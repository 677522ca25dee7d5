"""An evaluation of pictures that cannot all be read."""

from pathlib import Path

import pytest

from residua.data import Preprocess
from residua.errors import BadData
from residua.nets.build import build
from residua.nets.presets import spec
from residua.runs import Model
from residua.training import evaluate
from tests.training.photos import make_photos


@pytest.fixture(scope="module")
def model() -> Model:
    network = build(spec("resnet20_cifar"), classes=2, image_size=16)
    preprocess = Preprocess(size=16, resize=16, channels=3, mean=(0.5,) * 3, std=(0.25,) * 3, read_side=32)
    return Model(name="resnet20_cifar", network=network, classes=("cat", "dog"), preprocess=preprocess)


def test_all_bad_pictures_are_named_and_nothing_is_said_of_training(model: Model, tmp_path: Path) -> None:
    photos = make_photos(tmp_path)
    for name in ("cat/03.png", "dog/05.png"):
        (photos / name).write_text("no picture")
    with pytest.raises(BadData, match=r"2 pictures in .* cannot be read") as caught:
        evaluate(model, photos, device="cpu")
    assert "cat/03.png" in str(caught.value) and "dog/05.png" in str(caught.value)
    assert "training" not in str(caught.value)


def test_they_are_left_out_when_asked_to_and_named(model: Model, tmp_path: Path) -> None:
    photos = make_photos(tmp_path)
    (photos / "cat" / "03.png").write_text("no picture")
    found = evaluate(model, photos, device="cpu", skip_bad=True)
    assert found.scores.samples == 23
    assert [name for name, _ in found.left_out] == ["cat/03.png"]
    assert evaluate(model, make_photos(tmp_path), device="cpu").left_out == ()
