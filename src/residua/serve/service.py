"""From the bytes of a request to the answer, without a word of HTTP."""

import asyncio
import base64
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from residua.data import Picture, Preprocess, UnreadablePicture
from residua.data.masks import MaskPreprocess
from residua.export.answer import as_input, of_classes, prepared, segmenter_of
from residua.export.program import Program
from residua.look import grad_cam
from residua.nets.network import Network
from residua.serve.batcher import Batcher
from residua.serve.limits import BAD, BUSY, UNPROCESSABLE, Limits, Refused, printable, read
from residua.serve.metrics import Metrics
from residua.training.mask_prediction import predicted

READERS: Final = 2
"""Threads that decode pictures: enough to keep the network fed, and few enough to bound memory."""
File = tuple[str, bytes]
Made = TypeVar("Made")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """A network in PyTorch whose gradient says what it looked at, beside the program that answers."""

    network: Network
    layer: str


@final
class Service:
    """A loaded program, its queue and its counts.

    Args:
        program: that answers.
        limits: of what is taken.
        looker: for Grad-CAM; None where only an exported program is there, which has no gradient.
    """

    def __init__(self, program: Program, limits: Limits, looker: Looker | None = None) -> None:
        self.program, self.limits, self.looker = program, limits, looker
        self.segmenter = segmenter_of(program) if program.card.segments else None
        self.metrics = Metrics()
        self.batcher = Batcher(self.run, limits, self.metrics.ran)
        self.readers = ThreadPoolExecutor(READERS, "reader")
        self.reading = self.waiting = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.program.card.model.classes

    @property
    def ready(self) -> bool:
        """Whether another picture would be taken."""
        return not self.batcher.stopping and self.queued < self.limits.queue

    @property
    def queued(self) -> int:
        """Pictures that wait."""
        return len(self.batcher.queue) + self.waiting

    def warm_up(self) -> None:
        """Answer a picture of nothing, so that the first real one need not wait for what is done once."""
        preprocess = self.program.card.preprocess
        if isinstance(preprocess, MaskPreprocess):
            self.masked(np.zeros((*preprocess.crop, preprocess.channels), np.uint8))
            return
        picture = np.zeros((preprocess.size, preprocess.size, preprocess.channels), np.uint8)
        self.run(prepared(self.program, picture)[None])

    def run(self, pixels: Tensor) -> Tensor:
        """Return the probabilities of the classes of a batch of bytes."""
        return self.program(as_input(self.program, pixels)).softmax(1)

    def masked(self, picture: Picture) -> Tensor:
        """Return the class of every pixel of a picture, however large, window by window."""
        assert self.segmenter is not None
        self.metrics.ran(1)
        reduced = self.segmenter.preprocess.reduced(picture)
        return torch.from_numpy(predicted(self.segmenter, reduced, picture.shape[:2]))

    async def predict(self, files: Sequence[File], *, top: int) -> dict[str, Any]:
        """Return the answer to a request for predictions.

        Raises:
            Refused: with the reason.
        """
        if self.segmenter is None:
            found = await self.batcher.ask(await self.decoded(files, partial(prepared, self.program)))
        else:
            found = await self.each_masked(await self.decoded(files, as_it_is))
        names = [printable(name) for name, _ in files]
        answers = [self.told(answer, top) for answer in found]
        return {
            "model": self.program.card.model.name,
            "results": [{"name": name, **answer} for name, answer in zip(names, answers, strict=True)],
        }

    async def each_masked(self, pictures: Sequence[Picture]) -> list[Tensor]:
        """Return the masks of pictures, one after another in the thread of the network.

        Raises:
            Refused: too many wait already, or a picture has channels that the network does not take.
        """
        if self.batcher.stopping or self.waiting + len(pictures) > self.limits.queue:
            raise Refused(BUSY, "too many pictures are waiting; try again in a second")
        loop = asyncio.get_running_loop()
        self.waiting += len(pictures)
        try:
            run = [loop.run_in_executor(self.batcher.thread, self.masked, picture) for picture in pictures]
            return list(await asyncio.gather(*run))
        except UnreadablePicture as refusal:
            raise Refused(UNPROCESSABLE, str(refusal)) from refusal
        finally:
            self.waiting -= len(pictures)

    async def decoded(self, files: Sequence[File], then: Callable[[Picture], Made]) -> list[Made]:
        """Decode pictures, and make of them what is needed, in a thread.

        Raises:
            Refused: too many are being read already, or one cannot be.
        """
        if self.batcher.stopping or self.reading >= self.limits.queue:
            raise Refused(BUSY, "too many requests are being read; try again in a second")

        preprocess = self.program.card.preprocess
        side = preprocess.read_side if isinstance(preprocess, Preprocess) else None

        def work() -> list[Made]:
            return [then(picture) for picture in read(files, self.limits, side=side)]

        self.reading += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.readers, work)
        finally:
            self.reading -= 1

    def told(self, answer: Tensor, top: int) -> dict[str, Any]:
        """Return what is said of one picture: its likeliest classes, or its mask and how much of it each class has."""
        if self.program.card.segments:
            shares = torch.bincount(answer.flatten(), minlength=len(self.classes)) / answer.numel()
            kept = [(name, share) for name, share in zip(self.classes, shares.tolist(), strict=True) if share]
            return {
                "mask": as_png(mask_image(answer)),
                "colours": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colours(len(self.classes))],
                "classes": [{"class": name, "share": share} for name, share in kept],
            }
        ranked = answer.topk(min(top, len(self.classes)))
        return {
            "classes": [
                {"class": self.classes[place], "probability": share}
                for place, share in zip(ranked.indices.tolist(), ranked.values.tolist(), strict=True)
            ]
        }

    async def explain(self, files: Sequence[File], *, label: str | None) -> dict[str, Any]:
        """Return where the network saw a class, the likeliest if none is named: a grey PNG, white where most.

        Raises:
            Refused: there is no such class, more than one picture, or no gradient.
        """
        if self.looker is None:
            raise Refused(
                BAD,
                "this service runs an exported program, which cannot say what it looked at; serve the run",
            )
        if label is not None and label not in self.classes:
            raise Refused(UNPROCESSABLE, f"no class is called {printable(label)}; GET /about names them")
        pictures = await self.decoded(files, as_it_is)
        if len(pictures) != 1:
            raise Refused(
                BAD, f"{len(pictures)} pictures; what the network looked at is shown of one at a time"
            )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.batcher.thread, self.looked_at, pictures[0], label)

    def looked_at(self, picture: Picture, label: str | None) -> dict[str, Any]:
        """Return the map of a class, laid over the square that the network saw."""
        assert self.looker is not None
        preprocess, network = of_classes(self.program), self.looker.network
        images = preprocess.normalise(preprocess.pixels(picture)[None])
        with torch.no_grad():
            likeliest = int(network(images).argmax())
        place = likeliest if label is None else self.classes.index(label)
        seen = grad_cam(network, images, layer=self.looker.layer, classes=torch.tensor([place]))[0]
        image = Image.fromarray((255 * seen).byte().numpy())
        size = (preprocess.size, preprocess.size)
        return {
            "class": self.classes[place],
            "map": as_png(image.resize(size, Image.Resampling.BICUBIC)),
            "square": preprocess.size / preprocess.resize,
        }

    def about(self) -> dict[str, Any]:
        """Return what a client may want to know before it asks."""
        card = self.program.card
        return {
            "model": card.model.name,
            "task": "segmentation" if card.segments else "classification",
            "classes": self.classes,
            "runtime": self.program.runtime,
            "precision": card.precision,
            "licence": card.model.licence,
            "explains": self.looker is not None,
            "limits": {
                "body_bytes": self.limits.body,
                "pixels": self.limits.pixels,
                "pictures": self.limits.pictures,
            },
        }

    async def stop(self) -> None:
        """Answer what waits, and end."""
        await self.batcher.stop()
        self.readers.shutdown()


def as_it_is(picture: Picture) -> Picture:
    """Return a picture as it was decoded."""
    return picture


def looker_for(network: Network) -> Looker:
    """Return what looks through the last part before the head."""
    layers = [name for name, _ in network.named_children() if name != "head"]
    return Looker(network=network.eval(), layer=layers[-1])


def as_png(image: Image.Image) -> str:
    """Return an image as PNG in base64."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def mask_image(mask: Tensor) -> Image.Image:
    """Return the classes of pixels as a palette image: the value is the number of the class."""
    image = Image.fromarray(mask.byte().numpy(), "P")
    image.putpalette([level for colour in colours(256) for level in colour])
    return image


def colours(count: int) -> list[tuple[int, int, int]]:
    """Return so many colours, neighbours far apart: the hue turns by the golden angle.

    >>> colours(2)
    [(229, 92, 92), (92, 229, 130)]
    """
    found = []
    for place in range(count):
        hue = round(255 * (place * 0.3819660113 % 1))
        found.append(Image.new("HSV", (1, 1), (hue, 153, 229)).convert("RGB").getpixel((0, 0)))
    return found  # type: ignore[return-value]  # a pixel of an RGB image has three levels
