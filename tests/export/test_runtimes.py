"""Networks in every runtime: the same answers for any batch, and any size where the network takes any."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from residua.data import Preprocess
from residua.data.masks import MaskPreprocess
from residua.errors import BadExport, BadInput, BadRun
from residua.export import HeldOut, Wanted, export_model
from residua.export.bundle import Form, Precision
from residua.export.job import load, refuse_what_no_runtime_has
from residua.export.openvino_program import OpenVinoProgram
from residua.nets.adapters import read_weights
from residua.runs import Model
from tests.export.subjects import CLASSES, exported, held_out, make_model
from tests.nets.members import MEMBERS

CPU = torch.device("cpu")
NAMES: dict[Form, str] = {
    "onnx": "net.onnx",
    "openvino": "net.xml",
    "pt2": "net.pt2",
    "safetensors": "net.safetensors",
}
pytestmark = pytest.mark.usefixtures("traceable")


def answers_the_same(model: Model, path: Path) -> None:
    """Compare on batches, and for a U-Net on sizes, that the file was not exported with."""
    program, preprocess = load(path, CPU), model.preprocess
    if isinstance(preprocess, MaskPreprocess):
        side = preprocess.crop[0]
        sizes = [(side, side), (side + 3, 2 * side - 5)]
    else:
        sizes = [(preprocess.size, preprocess.size)]
    for batch in (1, 2, 5):
        for height, width in sizes:
            images = torch.randn(batch, model.preprocess.channels, height, width)
            with torch.no_grad():
                expected = model.network(images)
            torch.testing.assert_close(program(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "size", "channels"),
    [("resnet18", 64, 3), ("resnetv2_50", 64, 3), ("densenet121", 64, 3), ("unet", 32, 1)],
)
def test_whole_networks_answer_the_same_in_onnx_runtime_and_in_openvino(
    network: str, size: int, channels: int, tmp_path: Path
) -> None:
    model, onnx = make_model(network, size=size, channels=channels), tmp_path / "net.onnx"
    done = exported(model, Wanted(form="onnx"), onnx)
    assert done.verified.difference < 1e-5
    answers_the_same(model, onnx)
    done = exported(model, Wanted(form="openvino"), tmp_path / "net.xml")
    assert (done.verified.difference < 1e-5, done.verified.accuracy) == (True, 1.0)
    answers_the_same(model, tmp_path / "net.xml")


@pytest.mark.parametrize("form", NAMES)
@pytest.mark.parametrize("member", ["resnet18", "vgg11", "unet_resnet18"])
def test_every_form_answers_the_same(form: Form, member: str, tmp_path: Path) -> None:
    model = make_model(MEMBERS[member], size=48)
    done = exported(model, Wanted(form=form), tmp_path / NAMES[form])
    assert (done.file, done.verified.agreement) == (NAMES[form], 1.0)
    answers_the_same(model, tmp_path / NAMES[form])


@pytest.mark.parametrize(
    ("form", "precision"),
    [("onnx", "int8"), ("openvino", "int8"), ("openvino", "bf16"), ("pt2", "bf16"), ("safetensors", "bf16")],
)
def test_a_lower_precision_is_smaller_and_near(form: Form, precision: Precision, tmp_path: Path) -> None:
    """The labels are the network's own, so all but 25 points of agreement may be asked for."""
    model = make_model("resnet8_cifar", size=16)
    wanted = Wanted(form=form, precision=precision, tolerance=25)
    if (form, precision) == ("openvino", "bf16"):
        try:
            refuse_what_no_runtime_has(wanted)
        except BadInput as refusal:
            pytest.skip(str(refusal))
    plain = exported(model, Wanted(form=form), tmp_path / NAMES[form])
    done = exported(model, wanted, tmp_path / NAMES[form])
    assert done.bytes < 0.85 * plain.bytes
    assert 0 < done.verified.difference < 0.3
    assert load(tmp_path / NAMES[form], CPU).card.precision == precision


@pytest.mark.parametrize("network", ["resnet8_cifar", "densenet40_k12"])
def test_in_int8_a_relu_is_not_between_two_roundings(network: str, tmp_path: Path) -> None:
    """What a convolution or a sum gives is rounded once, as its ReLU leaves it, and what is concatenated as it is."""
    onnx = pytest.importorskip("onnx")
    exported(
        make_model(network, size=16),
        Wanted(form="onnx", precision="int8", tolerance=100),
        tmp_path / "net.onnx",
    )
    graph = onnx.load(tmp_path / "net.onnx").graph
    gives = {name: node.op_type for node in graph.node for name in node.output}
    rounded = {
        gives[node.input[0]]
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] in gives
    }
    relus = [gives[node.input[0]] for node in graph.node if node.op_type == "Relu"]
    assert "Conv" in rounded
    assert "Concat" not in rounded
    assert "DequantizeLinear" not in relus


@pytest.mark.parametrize("form", ["onnx", "openvino", "pt2"])
def test_a_program_with_the_preprocessing_inside_takes_pictures(form: Form, tmp_path: Path) -> None:
    model = make_model("resnet8_cifar", size=16)
    exported(model, Wanted(form=form, inside=True), tmp_path / NAMES[form])
    program = load(tmp_path / NAMES[form], CPU)
    assert program.card.inside
    assert isinstance(model.preprocess, Preprocess)
    for height, width in ((16, 16), (40, 23), (9, 30)):
        picture = torch.randint(0, 256, (height, width, 3)).byte()
        smooth = torch.nn.functional.avg_pool2d(picture.permute(2, 0, 1).float(), 3, 1, 1).byte()
        expected = model.preprocess.normalise(model.preprocess.pixels(smooth.permute(1, 2, 0).numpy())[None])
        with torch.no_grad():
            wanted = model.network(expected).softmax(1)
        torch.testing.assert_close(program(smooth[None]).softmax(1), wanted, rtol=0, atol=0.05)


def test_an_onnx_file_runs_in_openvino_too(tmp_path: Path) -> None:
    model, path = make_model("resnet8_cifar", size=16), tmp_path / "net.onnx"
    exported(model, Wanted(form="onnx"), path)
    program, images = OpenVinoProgram(path, load(path, CPU).card), torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(program(images), model.network(images), rtol=1e-4, atol=1e-4)


def test_the_file_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    model, path = make_model("resnet8_cifar", size=16), tmp_path / "net.onnx"
    exported(model, Wanted(form="onnx", licence="CC-BY-4.0"), path)
    onnx = pytest.importorskip("onnx")
    found = onnx.load(path)
    said = {entry.key: entry.value for entry in found.metadata_props}
    assert json.loads(said["classes"]) == list(CLASSES)
    assert json.loads(said["mean"]) == [0.5, 0.5, 0.5]
    assert said["licence"] == "CC-BY-4.0"
    assert said["input"] == "batch x 3 x 16 x 16, RGB, float32: pixels / 255, less mean, divided by std"
    assert b"site-packages" not in path.read_bytes()


def test_weights_alone_can_have_another_projects_names(tmp_path: Path) -> None:
    model, path = make_model("resnet18", size=64), tmp_path / "net.safetensors"
    exported(model, Wanted(form="safetensors", names="torchvision"), path)
    state = read_weights(path)
    assert torch.equal(
        state["layer1.0.conv1.weight"], model.network.state_dict()["stage1.0.sum.branch.conv1.weight"]
    )
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["classes"]) == list(CLASSES)


def test_a_file_that_loses_too_much_is_an_error_and_no_file(tmp_path: Path) -> None:
    model, path = make_model("resnet8_cifar", size=16), tmp_path / "out" / "net.onnx"
    found = held_out(model)
    wrong = (found.labels + 1) % len(CLASSES)
    shifted = HeldOut(found.given, [images * 1.5 + 3 for images in found.normalised], wrong)
    with pytest.raises(
        BadExport, match=r"differs from PyTorch by .* in a probability, on 8 held-out pictures"
    ):
        export_model(model, Wanted(form="onnx"), held_out=shifted, calibration=found.given, path=path)
    assert list(path.parent.iterdir()) == []


def test_accuracy_that_is_lost_is_an_error(tmp_path: Path) -> None:
    """Zeros calibrate every activation to nothing, and int8 then answers alike whatever it sees."""
    model, path = make_model("resnet8_cifar", size=16), tmp_path / "net.onnx"
    found = held_out(model, count=64)
    assert len(set(found.labels.tolist())) > 1
    nothing = [torch.zeros_like(found.given[0])]
    with pytest.raises(BadExport, match=r"points lost|differs from PyTorch"):
        export_model(
            model,
            Wanted(form="onnx", precision="int8", tolerance=0.1),
            held_out=HeldOut(found.given, found.normalised, found.labels),
            calibration=nothing,
            path=path,
        )
    assert not path.exists()


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (Wanted(form="onnx", precision="bf16"), "no bfloat16 convolutions"),
        (Wanted(form="pt2", precision="int8"), "take --to onnx or openvino"),
        (Wanted(form="safetensors", inside=True), "hold no preprocessing"),
        (Wanted(form="onnx", names="timm"), "take --to safetensors"),
    ],
)
def test_what_no_runtime_has_is_refused_at_once(wanted: Wanted, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        refuse_what_no_runtime_has(wanted)


@pytest.mark.parametrize("name", ["x.onnx", "x.xml", "x.pt2", "x.safetensors", "x.txt"])
def test_what_is_no_exported_file_is_a_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(BadRun, match=name):
        load(path, CPU)
