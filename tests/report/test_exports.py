"""What was exported stands in the report, one line a file."""

import json
from pathlib import Path

from residua.report import write
from tests.report.make_run import make_run
from tests.report.test_run_page import read

VERIFIED = {
    "pictures": 360,
    "difference": 0.0213,
    "agreement": 1.0,
    "accuracy_before": 0.975,
    "accuracy": 0.97,
    "batch": 16,
    "milliseconds_before": 0.3,
    "milliseconds": 0.1,
    "runtime": "ONNX Runtime 1.32.0",
}


def test_each_file_has_a_line_with_outputs_accuracy_and_speed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    assert "Exported files" not in read(write(folder))[0]
    file = {"file": "net-int8.onnx", "form": "onnx", "precision": "int8", "inside": False, "bytes": 312_345}
    (folder / "export").mkdir()
    (folder / "export" / "exports.json").write_text(json.dumps({"files": [{**file, "verified": VERIFIED}]}))
    words, asks = read(write(folder))
    assert "Each file was run in its own runtime on 360 held-out pictures" in words
    assert "net-int8.onnx 0.3 MB ONNX Runtime 1.32 0.02 100 % 97.0 % +0.50 0.1 3.00×" in words
    assert all(not ask.startswith("http") for ask in asks)
