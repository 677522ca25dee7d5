"""What torchrun says of itself: which launch this is, and whether it has started this process before."""

import os
from pathlib import Path
from typing import Any, Final

import torch.distributed as dist

from residua.errors import BadInput
from residua.runs import read_json
from residua.runs.folder import Run, place
from residua.training.distributed.ranks import Ranks

UNNAMED: Final = ("", "none")
"""What torchrun calls a launch that nobody gave a name with --rdzv-id."""


def launch() -> str:
    """Return the name that torchrun has for all the processes it starts, again and again, for one command."""
    return os.environ.get("TORCHELASTIC_RUN_ID", "")


def restarted(run: str | Path | None, ranks: Ranks) -> bool:
    """Return whether torchrun has started these processes again, and there is a run to go on with.

    It does not count a start after a machine has come or gone, so the run says which launch it was begun by.

    Raises:
        BadInput: they may be started again, and would not know which run was their own.
    """
    if not dist.is_torchelastic_launched():
        return False
    if run is None:
        if int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", 0)) > 0:
            raise BadInput(
                "torchrun --max-restarts starts this command again, which then has to find its run: name it with "
                "--run NAME"
            )
        return False
    folder = Run(place(run))
    return folder.config.exists() and (ranks.restarts > 0 or begun_by(folder) == launch() not in UNNAMED)


def begun_by(run: Run) -> str:
    """Return the name of the launch that a run was begun by; nothing if it was begun without torchrun."""
    environment: dict[str, Any] = read_json(run.environment, dict[str, Any])
    return str(environment.get("launch", ""))
