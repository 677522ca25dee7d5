"""Which checkpoints are kept, and what becomes of a damaged one."""

import random
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn, optim

from benchmarks.reliability.checkpoints import damage_checkpoints
from residua.errors import BadRun
from residua.optim import Average
from residua.training.checkpoint import (
    checkpoints,
    checksum,
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
)
from residua.training.state import State


def small_state(width: int = 1) -> State:
    model = nn.Linear(width, 1)
    return State(model, Average(model, decay=0), optim.SGD(model.parameters(), lr=1))


def test_the_newest_are_kept_by_number_and_not_by_name(tmp_path: Path) -> None:
    state = small_state()
    for step in (999_999, 1_000_000, 1_000_001):
        state.progress.step = step
        save_checkpoint(tmp_path, state)
    (tmp_path / "step-last.safetensors").touch()
    assert [path.stem for path in checkpoints(tmp_path)] == ["step-1000001", "step-1000000"]


def test_damage_anywhere_is_found_and_the_one_before_is_taken(tmp_path: Path) -> None:
    state = small_state()
    for step in (1, 2):
        state.progress.step = step
        torch.rand(1)  # so that the two differ in a random state, too
        save_checkpoint(tmp_path, state)
    seen = damage_checkpoints(tmp_path, state, 300, random.Random(0))
    assert seen == {"found, and the one before taken": 300}
    assert load_checkpoint(tmp_path, state) == (checkpoints(tmp_path)[0], [])


def test_the_progress_is_under_the_checksum_too(tmp_path: Path) -> None:
    state = small_state()
    state.progress.best = 0.75
    save_checkpoint(tmp_path, state)
    (path,) = checkpoints(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"0.75", b"0.76"))
    with pytest.raises(BadRun, match="its checksum is not that of its content"):
        read_checkpoint(path)


def test_a_checkpoint_of_the_first_version_is_read_and_checked(tmp_path: Path) -> None:
    state = small_state()
    save_checkpoint(tmp_path, state)
    (path,) = checkpoints(tmp_path)
    tensors = load_file(path)
    text = {"progress": msgspec.json.encode(state.progress).decode(), "checksum": checksum(tensors)}
    save_file(tensors, path, metadata=text)
    assert read_checkpoint(path)[1] == state.progress
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BadRun, match="its checksum is not that of its content"):
        read_checkpoint(path)


def test_a_checkpoint_of_another_network_is_said_to_be_one(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, small_state(width=2))
    with pytest.raises(BadRun, match=r"is of another network.*Start a new run"):
        load_checkpoint(tmp_path, small_state())
