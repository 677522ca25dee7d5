"""What a user named is run by the runtime that is fastest here, and that is found out once."""

from pathlib import Path

import msgspec
import pytest

from residua.errors import BadRun, MissingExtra
from residua.export import Wanted, answer, export, fastest
from residua.export.fastest import Candidate, Times, candidates, open_fastest
from residua.runs import load_model
from residua.training import Settings, evaluate, predict, train
from residua.training.processor import open_device
from tests.training.photos import make_photos

pytestmark = pytest.mark.usefixtures("traceable")
CPU = open_device("cpu")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    photos = make_photos(folder / "photos")
    done, _ = train(photos, Settings(model="resnet8_cifar", epochs=3, device="cpu"), run=folder / "run")
    return done.folder


@pytest.fixture
def exported(run: Path) -> Path:
    for package in ("onnx", "onnxruntime", "onnxscript", "openvino"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    path, done = export(run, Wanted(form="onnx"))
    assert done.verified.accuracy_before == evaluate(load_model(run), run.parent / "photos").scores.top1
    return path


def test_an_onnx_file_is_timed_in_both_runtimes_once(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_fastest(exported)
    times = msgspec.json.decode((exported.parent / "fastest.json").read_bytes(), type=Times)
    name = exported.name
    assert set(times.milliseconds) == {f"{name} in ONNX Runtime", f"{name} in OpenVINO"}
    monkeypatch.setattr(fastest, "measured", lambda *_: pytest.fail("it was timed a second time"))
    assert open_fastest(exported).runtime == first.runtime
    monkeypatch.setattr(fastest, "here", lambda: "another machine")
    with pytest.raises(pytest.fail.Exception, match="timed a second time"):
        open_fastest(exported)


def test_the_fastest_of_the_times_is_loaded(exported: Path) -> None:
    record, name = exported.parent / "fastest.json", exported.name
    for best, other in (("ONNX Runtime", "OpenVINO"), ("OpenVINO", "ONNX Runtime")):
        kept = Times(fastest.here(), {f"{name} in {best}": 0.1, f"{name} in {other}": 0.2})
        record.write_bytes(msgspec.json.encode(kept))
        assert open_fastest(exported).runtime.startswith(best)


def test_a_run_can_be_run_by_what_it_exported_in_float32_alone(run: Path, exported: Path) -> None:
    export(run, Wanted(form="onnx", precision="int8", tolerance=100))
    names = [candidate.name for candidate in candidates(run, CPU)]
    assert names == [
        "the run in PyTorch",
        f"{exported.name} in ONNX Runtime",
        f"{exported.name} in OpenVINO",
    ]
    assert open_fastest(run, device="cpu").runtime.startswith("PyTorch")


def test_a_runtime_that_is_not_installed_is_passed_over(run: Path, tmp_path: Path) -> None:
    def missing() -> fastest.Program:
        raise MissingExtra("no such runtime")

    plain = candidates(run, CPU)[0]
    times = fastest.measured(tmp_path / "fastest.json", [Candidate("missing", missing), plain])
    assert list(times) == [plain.name]
    with pytest.raises(MissingExtra, match="no such runtime"):
        fastest.measured(tmp_path / "fastest.json", [Candidate("missing", missing)])


def test_every_program_predicts_as_the_run_does(run: Path, exported: Path) -> None:
    photos = [run.parent / "photos" / "cat", run.parent / "photos" / "nothing.png"]
    expected = list(predict(load_model(run), photos, device="cpu"))
    found = list(answer.predict(open_fastest(exported), photos))
    assert [one.classes for one in found] == [one.classes for one in expected]
    assert found[-1].error == expected[-1].error is not None
    for one, other in zip(found, expected, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)


def test_what_is_neither_a_file_nor_a_run_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match=r"neither an exported file nor a run with a model"):
        open_fastest(tmp_path / "nothing")
