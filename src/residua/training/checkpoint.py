"""Checkpoints: one file each, whole or not there, and checked when they are read.

The file is safetensors: tensors, and a header of plain text. The header holds the progress and the seal of the
whole file, so a changed byte is found before it becomes a changed weight.
"""

import hashlib
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from residua.errors import BadRun
from residua.files import NOT_JSON, replacing, writing
from residua.seals import BLANK, SEAL, seal, sealed
from residua.training.distributed import ALONE, Ranks
from residua.training.state import Progress, State

KEPT = 2
"""How many are kept: if the newest is damaged there is one before it."""


def save_checkpoint(folder: Path, state: State, ranks: Ranks = ALONE) -> None:
    """Write the state as `step-000123.safetensors` and remove all but the newest two.

    Args:
        folder: for checkpoints.
        state: whole, also where it is divided among processes; so any number of them can go on with it.
        ranks: of which the first writes; all must ask at once where the state is divided.

    Raises:
        BadRun: the disk is full or read-only; the older ones are as they were.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors() if ranks.first}
    if not ranks.first:
        return
    header = {"progress": msgspec.json.encode(state.progress).decode(), SEAL: BLANK}
    path = folder / f"step-{state.progress.step:06d}.safetensors"
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=header)
        seal(temporary)
    with writing(folder):
        for old in checkpoints(folder)[KEPT:]:
            old.unlink(missing_ok=True)


def load_checkpoint(folder: Path, state: State, ranks: Ranks = ALONE) -> tuple[Path, list[str]]:
    """Put the newest checkpoint that is whole into `state`.

    Args:
        folder: with checkpoints.
        state: to be changed.
        ranks: of which the first reads; on a shared disk the others might not yet see its newest file.

    Returns:
        which it was, and a sentence for each newer one that was damaged.

    Raises:
        BadRun: none is whole.
    """
    with ranks.agreeing():
        found = newest_whole(folder) if ranks.first else None
    found = ranks.told(found)
    assert found is not None
    path, tensors, progress, damaged = found
    with ranks.agreeing():
        take_back(path, state, tensors, progress)
    return path, damaged


def newest_whole(folder: Path) -> tuple[Path, dict[str, Tensor], Progress, list[str]]:
    """Return the newest checkpoint that is whole with its content, and a sentence for each newer one.

    Raises:
        BadRun: none is whole.
    """
    damaged: list[str] = []
    for path in checkpoints(folder):
        try:
            tensors, progress = read_checkpoint(path)
        except BadRun as error:
            damaged.append(str(error))
            continue
        return path, tensors, progress, damaged
    if damaged:
        raise BadRun(f"no checkpoint in {folder} can be used: {'; '.join(damaged)}. Start a new run")
    raise BadRun(f"{folder} holds no checkpoint: the run was stopped before its first one. Start a new run")


def take_back(path: Path, state: State, tensors: dict[str, Tensor], progress: Progress) -> None:
    """Put what a file holds into `state`.

    Raises:
        BadRun: it is whole, and of another network.
    """
    try:
        state.load(tensors, progress)
    except (RuntimeError, KeyError, ValueError) as error:
        raise BadRun(
            f"{path} is of another network or another optimiser ({str(error).splitlines()[0]}). Start a new run"
        ) from error


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], Progress]:
    """Return the tensors and the progress in a file.

    Raises:
        BadRun: it is damaged.
    """
    whole = sealed(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        progress = msgspec.json.decode(header["progress"], type=Progress)
    except (SafetensorError, OSError, KeyError, *NOT_JSON) as error:
        raise BadRun(f"{path} cannot be read ({error})") from error
    if not whole and header.get("checksum") != checksum(tensors):
        raise BadRun(f"{path} is damaged: its checksum is not that of its content")
    return tensors, progress


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first."""
    found = [path for path in folder.glob("step-*.safetensors") if step_of(path).isdigit()]
    return sorted(found, key=lambda path: int(step_of(path)), reverse=True)


def step_of(path: Path) -> str:
    """Return the digits in the name of a checkpoint; from step 1,000,000 on they are more than six."""
    return path.stem.removeprefix("step-")


def checksum(tensors: dict[str, Tensor]) -> str:
    """Return SHA-256 over names, types, shapes and bytes, which the checkpoints of 0.1 have instead of a seal.

    >>> checksum({"a": torch.zeros(1)}) == checksum({"a": torch.ones(1)})
    False
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
