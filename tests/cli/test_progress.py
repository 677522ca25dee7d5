"""What is shown fits 80 columns: every phase, the speed, the last accuracy, and each choice with its reason."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from residua.cli.progress import Display, decisions
from residua.data import Preprocess, open_source
from residua.runs import EpochRow, EventRow, Run, StepRow
from residua.training import Settings
from residua.training.tasks import Classification, decide

SOURCE = open_source("digits")
PREPROCESS = Preprocess.for_source(SOURCE)
TASK = Classification(source=SOURCE, preprocess=PREPROCESS)
LAST = EpochRow(
    epoch=100, step=1900, seconds=1.0, train_loss=0.5, train_accuracy=1.0, val_loss=0.5, val_accuracy=1.0, lr=1e30,
    images_per_second=12_345.0,
)  # fmt: skip


def display(*, terminal: bool) -> tuple[Display, StringIO]:
    out = StringIO()
    return Display(Console(file=out, width=80, force_terminal=terminal, _environ={}, markup=False)), out


def announced(shown: Display) -> None:
    recipe, chosen = decide(TASK, Settings(epochs=100, device="cpu"), "digits")
    shown.announce(recipe, chosen, SOURCE, Run(Path("runs/digits")))


def test_the_bar_shows_epoch_loss_accuracy_speed_and_time_left_in_80_columns() -> None:
    shown, _ = display(terminal=True)
    announced(shown)
    for step in range(1890, 1900):
        shown.show(StepRow(step=step, epoch=100, loss=12.345, lr=0.1, gradient_norm=1.0))
    shown.show(LAST)
    shown.epoch_began = (1899, shown.epoch_began[1] - 1e-3)
    shown.show(StepRow(step=1900, epoch=100, loss=12.345, lr=0.1, gradient_norm=1.0))
    task = shown.bar.tasks[-1]
    assert task.description == "epoch 100/100"
    assert task.fields["seen"].startswith("loss 12.345 val 100.00% ")
    assert task.fields["seen"].endswith(" images/s")
    out = StringIO()
    Console(file=out, width=80).print(shown.bar.get_renderable())
    (line,) = out.getvalue().splitlines()
    assert "images/s" in line and "…" not in line


def test_phases_have_their_own_bar_with_name_and_count() -> None:
    shown, _ = display(terminal=True)
    shown.tell("looking at the pictures", 0, 0)
    assert shown.bar.tasks[-1].total is None
    shown.tell("reading pictures", 64, 1_797)
    (task,) = shown.bar.tasks
    assert (task.description, task.completed, task.total) == ("reading pictures", 64, 1_797)
    assert task.fields["seen"] == "64 of 1,797"


def test_a_log_has_one_line_for_each_phase_and_each_epoch() -> None:
    shown, out = display(terminal=False)
    for done in (0, 64, 1_797):
        shown.tell("reading pictures", done, 1_797)
    shown.tell("scoring val", 0, 0)
    shown.show(LAST)
    shown.show(EventRow(step=1900, text="stopped early"))
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["reading pictures: 1,797", "scoring val"]
    assert lines[2].startswith("epoch 100/0 loss 0.5000 train 100.00% val 100.00% lr 1e+30 12,345 images/s")
    assert lines[3] == "stopped early"


@pytest.mark.parametrize(
    "settings", [Settings(), Settings(optimizer="adamw", model="resnet18", batch_size=1_000)]
)
@pytest.mark.parametrize("size", [8, 224])
def test_every_choice_stands_with_its_reason_on_one_line(settings: Settings, size: int) -> None:
    preprocess = replace(PREPROCESS, size=size)
    recipe, chosen = decide(replace(TASK, preprocess=preprocess), replace(settings, device="cpu"), "digits")
    out = StringIO()
    Console(file=out, width=80).print(decisions(recipe, chosen))
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["network", "epochs", "batch", "rate", "device"]
    assert ("as asked" in lines[0]) == (settings.model is not None)
    assert f"seen at {size} × {size}" in lines[0] or settings.model
    assert ("AdamW at 0.001" in lines[3]) == (settings.optimizer == "adamw")
