"""A run that an older version left is opened by every verb that reads runs, or it says exactly what to do.

`stored/0.1` was written by Residua 0.1 before its checkpoints had seals: a training of digits, stopped after 25 of 36
steps. Its checkpoint and its model have no seal, and its data no checksums.
"""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from residua.errors import BadRun
from residua.exam import diagnose
from residua.report import write
from residua.runs import EventRow, load_model, read_rows
from residua.seals import sealed
from residua.training import predict, resume
from residua.training.checkpoint import checkpoints
from residua.training.subject import open_subject

STORED = Path(__file__).parent / "stored" / "0.1"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    shutil.copytree(STORED, tmp_path / "older")
    return tmp_path / "older"


def test_it_resumes_to_its_end_and_is_sealed_from_then_on(older: Path) -> None:
    (saved,) = checkpoints(older / "checkpoints")
    assert not sealed(saved)
    run, evaluation = resume(older, device="cpu")
    assert evaluation.scores.samples == 450
    said = [row.text for row in read_rows(run.metrics) if isinstance(row, EventRow)]
    assert said[-1] == "resumed from step 25"
    assert sealed(checkpoints(run.checkpoints)[0])
    assert sealed(run.folder / "model.safetensors")


def test_its_model_predicts(older: Path, tmp_path: Path) -> None:
    Image.new("L", (8, 8), 100).save(tmp_path / "grey.png")
    (answer,) = predict(load_model(older), [tmp_path / "grey.png"])
    assert answer.error is None
    assert set(answer.classes) <= set("0123456789")


def test_its_report_is_written(older: Path) -> None:
    assert "residua train digits --model net.json" in write(older).read_text()


def test_it_is_examined(older: Path) -> None:
    subject = open_subject(str(older), device="cpu")
    found = diagnose(subject.model, subject.batch, loss=subject.loss, depth="still")
    assert 0 <= found.probability <= 1


def test_damage_to_it_is_found_by_the_checksum_that_it_has(older: Path) -> None:
    (saved,) = checkpoints(older / "checkpoints")
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    with pytest.raises(BadRun, match=r"is damaged: its checksum.*Start a new run"):
        resume(older, device="cpu")


def test_the_stored_run_is_small() -> None:
    assert sum(path.stat().st_size for path in STORED.rglob("*")) < 300_000
    weights = load_model(STORED).network.state_dict().values()
    assert all(torch.isfinite(tensor).all() for tensor in weights)
