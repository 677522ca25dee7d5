"""Two flat folders as a stranger has them, without one setting but the length: trained, predicted, reported."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from residua.cli.predict import predict
from residua.cli.train import train
from residua.training import Settings
from tests.data.masks.make import scenes_as_files


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scenes_as_files(tmp_path_factory.mktemp("stranger"), 16, side=64)


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "stranger"
    train(str(pictures), settings=Settings(epochs=1), run=str(folder))
    return folder


def test_what_the_masks_mean_is_written_down_and_reported(run: Path) -> None:
    encoding = json.loads((run / "data.json").read_text())["encoding"]
    assert (encoding["values"], encoding["classes"]) == ([0, 255], ["background", "foreground"])
    page = (run / "report.html").read_text()
    for text in ("Mean IoU (test)", "Worst pictures", "foreground", "<code>255</code>"):
        assert text in page, text


def test_masks_are_written_as_they_came_in(pictures: Path, run: Path, tmp_path: Path) -> None:
    some = [str(pictures / "images" / f"scene_00{index}.png") for index in (1, 2)]
    assert predict(str(run), *some, out=str(tmp_path / "found")) == 0
    written = sorted((tmp_path / "found").rglob("scene_00*.png"))
    assert [path.name for path in written] == ["scene_001.png", "scene_002.png"]
    for path in written:
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (64, 64))
            assert set(np.unique(np.asarray(image)).tolist()) <= {0, 255}
