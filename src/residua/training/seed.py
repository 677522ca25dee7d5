"""Every random state of the process: set from one seed, saved, and put back."""

import random

import msgspec
import numpy as np
import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Set the random states of Python, NumPy and PyTorch from one seed."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  # other people's modules may draw from the global state
    torch.manual_seed(seed)


def seed_part(seed: int, epoch: int, batch: int, rank: int) -> None:
    """Set PyTorch's random state for one process's part of one batch.

    What a network draws, as for dropout, then differs between the parts, and is the same again after a resume.
    """
    (drawn,) = np.random.SeedSequence((seed, epoch, batch, rank)).generate_state(1, np.uint64)
    torch.manual_seed(int(drawn))


def random_states() -> dict[str, Tensor]:
    """Return all random states as tensors.

    >>> import torch
    >>> states = random_states()
    >>> first = torch.rand(1)
    >>> set_random_states(states)
    >>> bool(torch.rand(1) == first)
    True
    """
    plain = msgspec.json.encode([random.getstate(), np_state()])
    states = {"torch": torch.get_rng_state(), "plain": torch.frombuffer(bytearray(plain), dtype=torch.uint8)}
    if torch.cuda.is_available():
        states |= {f"cuda{index}": state for index, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def set_random_states(states: dict[str, Tensor]) -> None:
    """Put back what `random_states` returned; a GPU that is not here now is left out."""
    torch.set_rng_state(states["torch"])
    python, numpy = msgspec.json.decode(bytes(states["plain"].numpy()))
    random.setstate((python[0], tuple(python[1]), python[2]))
    np.random.set_state((numpy[0], np.array(numpy[1], np.uint32), *numpy[2:]))  # noqa: NPY002
    for index in range(torch.cuda.device_count()):
        if f"cuda{index}" in states:
            torch.cuda.set_rng_state(states[f"cuda{index}"], index)


def np_state() -> tuple[str, list[int], int, int, float]:
    """Return NumPy's global state in plain Python."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002
    return str(name), [int(key) for key in keys], int(position), int(has_gauss), float(gauss)
