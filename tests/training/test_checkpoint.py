"""Which checkpoints are kept."""

from pathlib import Path

from torch import nn, optim

from residua.optim import Average
from residua.training.checkpoint import checkpoints, save_checkpoint
from residua.training.state import State


def test_the_newest_are_kept_by_number_and_not_by_name(tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    state = State(model, Average(model, decay=0), optim.SGD(model.parameters(), lr=1))
    for step in (999_999, 1_000_000, 1_000_001):
        state.progress.step = step
        save_checkpoint(tmp_path, state)
    (tmp_path / "step-last.safetensors").touch()
    assert [path.stem for path in checkpoints(tmp_path)] == ["step-1000001", "step-1000000"]
