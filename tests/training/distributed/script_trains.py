"""Trains as each line of a file of JSON says, and writes the loss of every step; started by torchrun, or alone."""

import json
import sys
from pathlib import Path
from typing import Any

from residua import Settings, train
from residua.runs import Row, StepRow


def trained(data: str, settings: dict[str, Any], run: Path) -> list[float]:
    """Train, and return the loss of each step; in processes but the first, none."""
    losses: list[float] = []

    def show(row: Row) -> None:
        if isinstance(row, StepRow):
            losses.append(row.loss)

    train(data, Settings(device="cpu", amp=False, **settings), run=run, exam=False, show=show)
    return losses


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, (data, settings) in json.loads((folder / "jobs.json").read_text()).items():
        if losses := trained(data, settings, folder / name):
            (folder / f"{name}.json").write_text(json.dumps(losses))
