"""What a user meets who starts several processes: one voice, a clean stop, and any number of them to go on with."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.launching import kill, metrics, workers
from residua import Settings, resume, train
from residua.errors import BadInput, Interrupted
from residua.runs import EventRow, Row, StepRow, read_rows
from residua.training.checkpoint import checkpoints
from tests.training.distributed.launching import run, started, wait_until

WORDS = ("--batch-size", "64", "--lr", "0.001", "--no-amp", "--device", "cpu", "--no-exam")
ALIKE = Settings(batch_size=64, lr=0.001, amp=False, device="cpu", epochs=2)


def assert_alike(run: Path, other: Path, *, within: float) -> None:
    """Compare the last checkpoints of two runs; what rounds otherwise grows apart, the running variances first."""
    ours, theirs = (load_file(checkpoints(folder / "checkpoints")[0]) for folder in (run, other))
    names = [name for name in ours if name.startswith("average/") and "num_batches" not in name]
    assert names
    for name in names:
        torch.testing.assert_close(ours[name], theirs[name], atol=within, rtol=5 * within, msg=name)


def said(run: Path) -> list[str]:
    """Return the events of a run."""
    return [row.text for row in read_rows(run / "metrics.jsonl") if isinstance(row, EventRow)]


def test_a_refusal_is_said_once() -> None:
    ended = run(2, ["train", "digits", "--epochs", "0"])
    assert ended.returncode != 0
    assert ended.stderr.count("--epochs 0: it must be at least 1") == 1
    assert 'File "' not in ended.stderr.split("it must be at least 1")[0]


def test_one_process_speaks_and_another_number_goes_on(tmp_path: Path) -> None:
    """Stopped by the signal that torchrun passes on, and resumed by one process."""
    folder = tmp_path / "run"
    with started(2, ["train", "digits", "--epochs", "2", *WORDS, "--run", str(folder)]) as launcher:
        wait_until(lambda: '"kind":"step"' in metrics(folder), launcher)
        launcher.send_signal(signal.SIGTERM)
        _, errors = launcher.communicate(timeout=120)
    assert errors.count("stopped by SIGTERM after step") == 1
    assert len(checkpoints(folder / "checkpoints")) == 2
    resume(folder)
    unbroken, _ = train("digits", ALIKE, run=tmp_path / "unbroken", exam=False)
    assert_alike(folder, unbroken.folder, within=0.03)


def test_a_run_of_one_process_goes_on_with_three(tmp_path: Path) -> None:
    def show(row: Row) -> None:
        if isinstance(row, StepRow) and row.step == 20:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train("digits", ALIKE, run=tmp_path / "run", exam=False, show=show)
    ended = run(3, ["resume", str(tmp_path / "run"), "--json"])
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["samples"] == 450  # one answer of one process
    assert "resumed from step 20" in said(tmp_path / "run")
    unbroken, _ = train("digits", ALIKE, run=tmp_path / "unbroken", exam=False)
    assert_alike(tmp_path / "run", unbroken.folder, within=0.03)


def test_a_killed_process_is_started_again_and_nothing_is_lost(tmp_path: Path) -> None:
    """The short form of `scripts/faults worker`."""
    words = ["train", "digits", "--epochs", "2", *WORDS, "--run"]
    unbroken = run(2, [*words, str(tmp_path / "unbroken")])
    assert unbroken.returncode == 0, unbroken.stderr
    folder = tmp_path / "run"
    with started(2, [*words, str(folder)], restarts=1) as launcher:
        wait_until(lambda: '"kind":"step"' in metrics(folder) and len(workers(launcher.pid)) == 2, launcher)
        kill(launcher.pid, rank=1)
        _, errors = launcher.communicate(timeout=180)
    assert launcher.returncode == 0, errors
    assert [text for text in said(folder) if text.startswith("resumed")] == ["resumed from step 0"]
    assert_alike(folder, tmp_path / "unbroken", within=0)


def test_a_run_that_may_be_started_again_has_a_name() -> None:
    with started(2, ["train", "digits", *WORDS], restarts=1) as launcher:
        _, errors = launcher.communicate(timeout=120)
    assert "name it with --run NAME" in errors


def test_sharded_needs_others() -> None:
    with pytest.raises(BadInput, match="torchrun"):
        train("digits", Settings(sharded=True, epochs=1))
