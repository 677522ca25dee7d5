"""Who the processes are that train together, and what they tell each other."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, TypeVar, final
from uuid import uuid4

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from residua.data import Share
from residua.errors import BadInput, Diverged, Interrupted, LostProcess, ResiduaError, SaidElsewhere
from residua.training.distributed.sums import own_gradient

Value = TypeVar("Value")


@final
@dataclass(frozen=True, slots=True)
class Ranks:
    """The processes of a training as one of them sees them.

    >>> Ranks().first, Ranks().together
    (True, False)

    Attributes:
        rank: of this process, from 0.
        size: how many there are, on all machines.
        local_size: how many there are on this machine.
        restarts: how often torchrun has started them again after one of them failed.
        device: by which they send each other numbers; over many machines a GPU's way is the shorter one.
    """

    rank: int = 0
    size: int = 1
    local_size: int = 1
    restarts: int = 0
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    @property
    def together(self) -> bool:
        """Whether there are others."""
        return self.size > 1

    @property
    def share(self) -> Share:
        """The part of every batch that is for this process."""
        return Share(self.rank, self.size)

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum over all processes, for a loss."""
        return own_gradient(tensor) if self.together else tensor

    def sums(self, *numbers: int) -> list[int]:
        """Return the sum of each number over all processes."""
        return self._reduced(numbers, dist.ReduceOp.SUM)

    def most(self, *numbers: int) -> list[int]:
        """Return the largest of each number over all processes."""
        return self._reduced(numbers, dist.ReduceOp.MAX)

    def _reduced(self, numbers: tuple[int, ...], how: dist.ReduceOp.RedOpType) -> list[int]:
        if not self.together:
            return list(numbers)
        found = torch.tensor([int(number) for number in numbers], device=self.device)
        dist.all_reduce(found, how)
        return [int(number) for number in found.tolist()]

    def told(self, value: Value) -> Value:
        """Return what the first process has; what the others have does not count."""
        if not self.together:
            return value
        held: list[Any] = [value if self.first else None]
        dist.broadcast_object_list(held, src=0, device=torch.device("cpu"))
        found: Value = held[0]
        return found

    def awaited(self, work: Callable[[], Value]) -> Value:
        """Return what the first process finds by some work; the others wait for it, however long it takes."""
        if not self.together:
            return work()
        patient = dist.new_group(timeout=timedelta(days=30), backend="gloo")
        held: list[Any] = [work() if self.first else None]
        dist.broadcast_object_list(held, src=0, group=patient, device=torch.device("cpu"))
        found: Value = held[0]
        return found

    def gathered(self, value: Value) -> list[Value]:
        """Return what each process has, in their order."""
        if not self.together:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    @contextmanager
    def agreeing(self) -> Iterator[None]:
        """Go on after the block only if every process could do it; of several that could not the first says why.

        Raises:
            SaidElsewhere: in the others.
        """
        mine: ResiduaError | None = None
        try:
            yield
        except ResiduaError as error:
            if not self.together:
                raise
            mine = error
        refused = self.gathered(mine is not None)
        if not any(refused):
            return
        speaker = refused.index(True)
        if mine is not None and self.rank == speaker:
            raise mine
        raise SaidElsewhere(f"process {speaker} of {self.size} cannot go on, and says why")


ALONE: Final = Ranks()
"""A process that trains by itself."""


@contextmanager
def joined(device: str | None, *, timeout: float) -> Iterator[Ranks]:
    """Join the other processes that torchrun has started; a process that it did not start is alone.

    Args:
        device: that the user asked for.
        timeout: seconds to wait for the others before they are taken for lost.

    Raises:
        LostProcess: the others are gone, or do not answer.
        SaidElsewhere: what ended it is the same in all processes, and the first says it.
        BadInput: the processes cannot share the device.
    """
    size = int(os.environ.get("WORLD_SIZE", 1))
    if not dist.is_torchelastic_launched() or size == 1:
        yield replace(ALONE, restarts=starts())
        return
    if dist.is_initialized():
        yield here(size, device)
        return
    local = int(os.environ["LOCAL_RANK"])
    if torch.cuda.is_available() and local < torch.cuda.device_count():
        torch.cuda.set_device(local)  # from here on "cuda" is the GPU of this process
    ranks = here(size, device)
    try:
        meet(ranks, timedelta(seconds=max(1, timeout)))
        with ranks.agreeing():
            refuse_shared(device, ranks)
        (restarts,) = ranks.most(starts())
        yield replace(ranks, restarts=restarts)
    except (Diverged, Interrupted) as error:
        if not ranks.first:
            raise SaidElsewhere(str(error)) from None
        raise
    except RuntimeError as error:
        if not of_communication(error):
            raise
        raise lost(ranks, str(error).splitlines()[0]) from None
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def meet(ranks: Ranks, patience: timedelta) -> None:
    """Find the other processes; every time in a place of its own.

    torchrun keeps one store over all its restarts, so in one place for all, a process would read the addresses of
    those that are gone, or of an earlier training.
    """
    store, _, _ = next(rendezvous("env://", timeout=patience))
    place = PrefixStore(agreed_place(store, ranks, patience), store)
    dist.init_process_group(store=place, rank=ranks.rank, world_size=ranks.size, timeout=patience)


def agreed_place(store: Store, ranks: Ranks, patience: timedelta) -> str:
    """Return a name that only the processes of this meeting have.

    The first process makes it, and answers whoever asks; each of the others waits for the answer to its own question.
    What processes that are gone have asked is answered too, and read by nobody.

    Raises:
        LostProcess: not all the others have come.
    """
    own = uuid4().hex
    if not ranks.first:
        store.set(f"question/{ranks.rank}", own)
        place = store.get(f"answer/{own}").decode()
        store.add(f"{place}/arrived", 1)
        return place
    questions = [f"question/{rank}" for rank in range(1, ranks.size)]
    until = time.monotonic() + patience.total_seconds()
    while (arrived := store.add(f"{own}/arrived", 0)) < len(questions):
        if time.monotonic() > until:
            raise lost(ranks, f"{arrived + 1} came within {patience.total_seconds():.0f} s")
        for asked in filter(lambda question: store.check([question]), questions):
            store.set(f"answer/{store.get(asked).decode()}", own)
        time.sleep(0.02)
    return own


def here(size: int, device: str | None) -> Ranks:
    """Return this process among the others, as torchrun numbered them."""
    by = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    return Ranks(int(os.environ["RANK"]), size, int(os.environ["LOCAL_WORLD_SIZE"]), device=by)


def refuse_shared(device: str | None, ranks: Ranks) -> None:
    """Refuse a device that each process cannot have one of.

    Raises:
        BadInput: such as one GPU for all, or fewer GPUs than processes.
    """
    if device is not None and (":" in device or device == "mps"):
        raise BadInput(
            f"--device {device} is one device for {ranks.size} processes; leave it out, and each takes a GPU "
            "of its own, or say --device cpu"
        )
    gpus = torch.cuda.device_count() if device != "cpu" and torch.cuda.is_available() else 0
    if 0 < gpus < ranks.local_size:
        raise BadInput(
            f"{ranks.local_size} processes on this machine, and {gpus} GPUs: start `torchrun --nproc-per-node "
            f"{gpus}`, or say --device cpu"
        )


def of_communication(error: RuntimeError) -> bool:
    """Return whether an error is of processes that do not reach each other.

    The CPU's transport has no class of its own for them, but names itself in its messages.
    """
    return isinstance(error, dist.DistError) or "gloo" in str(error).casefold()


def lost(ranks: Ranks, why: str) -> ResiduaError:
    """Return what is said, by the first process, when others are gone."""
    if not ranks.first:
        return SaidElsewhere(why)
    return LostProcess(
        f"another of the {ranks.size} processes is gone or cannot be reached ({why}). With `torchrun --max-restarts` "
        "all go on from the last checkpoint; `residua resume` does so by hand, with any number of processes"
    )


def starts() -> int:
    """Return how often torchrun has started this process again after one of them failed."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))
