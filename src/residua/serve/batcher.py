"""Requests that come within a few milliseconds go through the network together."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from residua.serve.limits import BUSY, Limits, Refused


@final
@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """One picture in the queue, and who waits for its answer."""

    images: Tensor
    came: float
    answer: "asyncio.Future[Tensor]"


@final
class Batcher:
    """Puts pictures that wait together into batches, and runs one batch after another in a thread of its own.

    The first of a batch waits for others only while the network is idle; while it works, they gather anyway.

    Args:
        run: from a batch to its answers.
        limits: of the service.
        note: told the size of every batch.
    """

    def __init__(
        self, run: Callable[[Tensor], Tensor], limits: Limits, note: Callable[[int], None] = lambda _: None
    ) -> None:
        self.run, self.limits, self.note = run, limits, note
        self.queue: list[Waiting] = []
        self.arrived = asyncio.Event()
        self.thread = ThreadPoolExecutor(1, "network")
        self.task: asyncio.Task[None] | None = None
        self.stopping = False

    def start(self) -> None:
        """Begin to answer; called within the event loop."""
        self.task = asyncio.create_task(self.work())

    async def stop(self) -> None:
        """Answer what waits, and end."""
        self.stopping = True
        self.arrived.set()
        if self.task is not None:
            await self.task
        self.thread.shutdown()

    async def ask(self, images: list[Tensor]) -> list[Tensor]:
        """Return the answer to each picture of a request.

        Raises:
            Refused: too many wait already.
        """
        if self.stopping or len(self.queue) + len(images) > self.limits.queue:
            raise Refused(BUSY, "too many pictures are waiting; try again in a second")
        loop = asyncio.get_running_loop()
        waiting = [Waiting(image, loop.time(), loop.create_future()) for image in images]
        self.queue += waiting
        self.arrived.set()
        return list(await asyncio.gather(*(one.answer for one in waiting)))

    async def work(self) -> None:
        """Take batch after batch until there are none and the service stops."""
        loop = asyncio.get_running_loop()
        while True:
            while not self.queue:
                if self.stopping:
                    return
                self.arrived.clear()
                await self.arrived.wait()
            left = self.queue[0].came + self.limits.wait - loop.time()
            if len(self.queue) < self.limits.batch and left > 0 and not self.stopping:
                await asyncio.sleep(min(left, self.limits.wait / 4))
                continue
            await self.answer(self.taken())

    def taken(self) -> list[Waiting]:
        """Take the next batch out of the queue: the oldest, and those of the same shape after it."""
        shape = self.queue[0].images.shape
        batch = [one for one in self.queue if one.images.shape == shape][: self.limits.batch]
        chosen = {id(one) for one in batch}
        self.queue = [one for one in self.queue if id(one) not in chosen]
        return [one for one in batch if not one.answer.cancelled()]

    async def answer(self, batch: list[Waiting]) -> None:
        """Run a batch and give everybody who waits the answer, or the error."""
        if not batch:
            return
        self.note(len(batch))
        try:
            images = torch.stack([one.images for one in batch])
            found = await asyncio.get_running_loop().run_in_executor(self.thread, self.run, images)
        except Exception as error:  # whatever it is, those who wait must hear of it
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, answer in zip(batch, found, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)
