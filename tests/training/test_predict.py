"""Every picture that was named has its answer, or the reason why there is none."""

from pathlib import Path

import pytest

from residua.data import Preprocess
from residua.errors import BadInput
from residua.nets.build import build
from residua.runs import Model
from residua.training import predict
from tests.training.photos import make_photos

PREPROCESS = Preprocess(size=8, resize=8, channels=3, mean=(0.5,) * 3, std=(0.2,) * 3, read_side=16)


@pytest.fixture(scope="module")
def model() -> Model:
    network = build("resnet20_cifar", classes=2)
    return Model(name="resnet20_cifar", network=network, classes=("cat", "dog"), preprocess=PREPROCESS)


def test_what_cannot_be_read_keeps_its_place_and_the_others_are_answered(
    model: Model, tmp_path: Path
) -> None:
    photos = make_photos(tmp_path / "photos", each=1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.png").write_text("hello")
    named = [tmp_path / "gone.png", photos, tmp_path / "empty", tmp_path / "bad.png", tmp_path / ("x" * 300)]
    found = list(predict(model, named, top=1))
    assert [len(one.classes) for one in found] == [0, 1, 1, 0, 0, 0]
    reasons = [one.error or "" for one in found]
    assert "no such file" in reasons[0]
    assert reasons[3] == "a folder without pictures"
    assert not any(one.file in (one.error or "") for one in found)


def test_questions_without_an_answer_are_refused_at_once(model: Model) -> None:
    with pytest.raises(BadInput, match="no pictures were named"):
        predict(model, [])
    for top in (0, -1):
        with pytest.raises(BadInput, match=f"--top {top}: it must be at least 1"):
            predict(model, "a.png", top=top)
