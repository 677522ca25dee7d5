"""A network for masks, exported from its run, asked and served: the masks of the file are those of the run."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from residua.cli.predict import predict as command
from residua.errors import BadInput
from residua.export import Wanted, export
from residua.export.bundle import Form
from residua.runs import load_model
from residua.serve.limits import Limits
from residua.serve.server import open_service
from residua.training import MaskPrediction, Settings, predict, train
from tests.serve.client import serving

pytestmark = pytest.mark.usefixtures("traceable")
MODEL = '{"family": "unet", "widths": [4, 8, 16], "norm": "batch"}'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "little.json").write_text(MODEL)
    settings = Settings(model=str(folder / "little.json"), epochs=1, device="cpu")
    done, _ = train("scenes", settings, run=folder / "scenes", exam=False)
    return done.folder


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture larger than those of the training, with an odd side."""
    pixels = np.random.default_rng(0).integers(0, 256, (75, 130), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "scene.png")
    return tmp_path / "scene.png"


@pytest.mark.parametrize("inside", [False, True])
def test_the_service_of_an_exported_file_gives_the_masks_of_the_run(
    run: Path, picture: Path, inside: bool
) -> None:
    for package in ("onnx", "onnxruntime", "onnxscript", "openvino", "fastapi"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    path, done = export(run, Wanted(form="onnx", inside=inside))
    assert done.verified.agreement > 0.999
    (expected,) = predict(load_model(run), [picture], device="cpu")
    assert isinstance(expected, MaskPrediction)
    assert expected.mask is not None
    with serving(open_service(str(path), Limits())) as client:
        assert client.ask("GET", "/about").json["task"] == "segmentation"
        found = client.send(picture.read_bytes()).json["results"][0]
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["mask"]))))
    assert mask.shape == (75, 130)
    assert (mask == expected.mask).mean() > 0.999
    shares = {area.name: area.share for area in expected.areas if area.pixels}
    assert {one["class"]: one["share"] for one in found["classes"]} == pytest.approx(shares, abs=1e-3)


@pytest.mark.parametrize("form", ["onnx", "pt2", "safetensors"])
def test_an_exported_file_writes_the_masks_of_the_run(
    run: Path, picture: Path, form: Form, tmp_path: Path
) -> None:
    for package in ("onnx", "onnxruntime", "onnxscript", "openvino"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    path, _ = export(run, Wanted(form=form))
    (expected,) = predict(load_model(run), [picture], device="cpu", flips=True)
    assert isinstance(expected, MaskPrediction)
    assert command(str(path), str(picture), out=str(tmp_path / "found"), flips=True) == 0
    mask = np.asarray(Image.open(tmp_path / "found" / "masks" / "scene.png"))
    assert (mask == expected.mask).mean() > 0.999
    assert (tmp_path / "found" / "areas.csv").read_text().count("scene.png") == len(expected.areas)


def test_masks_go_beside_an_exported_file_if_nothing_is_said(run: Path, picture: Path) -> None:
    path, _ = export(run, Wanted(form="safetensors"))
    assert command(str(path), str(picture)) == 0
    assert (path.parent / "predictions" / "masks" / "scene.png").is_file()


def test_pictures_that_are_reduced_outside_cannot_be_prepared_inside(tmp_path: Path) -> None:
    (tmp_path / "little.json").write_text(MODEL)
    settings = Settings(model=str(tmp_path / "little.json"), epochs=1, scale=0.5, device="cpu")
    done, _ = train("scenes", settings, run=tmp_path / "half", exam=False)
    with pytest.raises(BadInput, match=r"sees pictures reduced to 0\.5"):
        export(done.folder, Wanted(form="onnx", inside=True))
