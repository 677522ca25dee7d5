"""An ONNX file that names another file is refused, wherever in it the name stands."""

from pathlib import Path

import pytest

from residua.errors import BadRun
from residua.export.onnx_program import OnnxProgram, refuse_outside_data

onnx = pytest.importorskip("onnx", reason="onnx is not installed")


def tensor(location: str | None) -> "onnx.TensorProto":
    """Return two numbers, kept in another file where one is named."""
    found = onnx.helper.make_tensor("numbers", onnx.TensorProto.FLOAT, [2], bytes(8), raw=True)
    if location is not None:
        onnx.external_data_helper.set_external_data(found, location=location, offset=0, length=8)
        found.ClearField("raw_data")
    return found


def written(path: Path, location: str | None, *, inside_node: bool) -> Path:
    """Write a program that gives the numbers, which stand in its graph or in one of its nodes."""
    answer = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [2])
    numbers = tensor(location)
    if inside_node:
        node, kept = onnx.helper.make_node("Constant", [], ["logits"], value=numbers), []
    else:
        node, kept = onnx.helper.make_node("Identity", ["numbers"], ["logits"]), [numbers]
    graph = onnx.helper.make_graph([node], "graph", [], [answer], initializer=kept)
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    return path


@pytest.mark.parametrize("inside_node", [False, True])
def test_numbers_in_another_file_are_refused(tmp_path: Path, inside_node: bool) -> None:
    (tmp_path / "secret").write_bytes(bytes(8))
    (tmp_path / "model").mkdir()
    path = written(tmp_path / "model" / "a.onnx", "../secret", inside_node=inside_node)
    with pytest.raises(BadRun, match=r"another file \(\.\./secret\), and none is opened"):
        OnnxProgram(path)
    refuse_outside_data(written(tmp_path / "whole.onnx", None, inside_node=inside_node))


def test_what_is_no_onnx_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(BadRun, match="is damaged or no ONNX file"):
        OnnxProgram(tmp_path / "a.onnx")
