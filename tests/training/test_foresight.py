"""Training looks before it begins: it says what the exam says, and does not begin what cannot come to anything."""

from pathlib import Path

import pytest
import torch
from torch import nn

from residua.errors import WillNotTrain
from residua.runs import EventRow, Run, StepRow, read_rows
from residua.training import Settings, foresight, train
from residua.training.foresight import foresee
from residua.training.job import silent
from residua.training.plan import Plan, make_plan

FEW = Settings(epochs=1, model="resnet8_cifar")


def plan() -> Plan:
    return make_plan("digits", FEW, skip_bad=False, tell=silent)


def events(run: Run) -> list[str]:
    return [row.text for row in read_rows(run.metrics) if isinstance(row, EventRow)]


def test_a_run_begins_with_the_line_of_its_exam(tmp_path: Path) -> None:
    shown: list[object] = []
    run, _ = train("digits", FEW, run=tmp_path / "run", show=shown.append)
    (line,) = events(run)
    assert line.startswith("exam: trains, with a probability of ")
    assert isinstance(shown[0], EventRow) and isinstance(shown[1], StepRow)


def test_it_can_be_left_out(tmp_path: Path) -> None:
    run, _ = train("digits", FEW, run=tmp_path / "run", exam=False)
    assert not events(run)


def test_what_cannot_train_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> Plan:
        made = plan()
        for parameter in made.network.parameters():
            nn.init.zeros_(parameter)
        return made

    monkeypatch.setattr("residua.training.job.make_plan", broken)
    with pytest.raises(WillNotTrain, match=r"does not train.*--no-exam"):
        train("digits", FEW, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_exam_changes_no_weight_and_no_draw(tmp_path: Path) -> None:
    runs = [train("digits", FEW, run=tmp_path / str(exam), exam=exam)[0] for exam in (True, False)]
    with_exam, without = ((run.folder / "model.safetensors").read_bytes() for run in runs)
    assert with_exam == without


def test_what_is_seen_in_training_is_written_down(tmp_path: Path) -> None:
    run, _ = train("digits", Settings(epochs=1, model="resnet8_cifar", lr=1e-9), run=tmp_path / "run")
    assert any(text.startswith("seen in training: learning rate too low") for text in events(run))


def test_the_line_names_the_first_cause() -> None:
    made = plan()
    with torch.no_grad():
        next(p for p in made.network.parameters() if p.ndim > 1).fill_(float("nan"))
    with pytest.raises(WillNotTrain, match="signal explodes"):
        foresee(made)
    assert foresight.SURE < 0.1
