"""Batches of pictures: from memory in this process, or read by worker processes, the same either way."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from residua.data.augment import Augment
from residua.data.batching import Batching
from residua.data.mixing import mixed
from residua.data.preprocess import Preprocess
from residua.data.refusals import UnreadablePicture
from residua.data.shards.pictures import ShardPictures
from residua.data.share import WHOLE, Share
from residua.data.split import FilePictures, Split
from residua.data.workers import Task, default_workers, read_in_order
from residua.types import Images, Labels


@final
@dataclass(frozen=True, slots=True)
class Batch:
    """Normalised pictures, their labels (shares of each class when mixed), and their places in the split."""

    images: Images
    targets: Tensor
    indices: Labels


@final
class Batches:
    """The batches of a split, epoch by epoch.

    All that is random depends on (seed, epoch, position) alone: any epoch can be begun at any batch, and
    gives the same bits from memory, from files and from any number of workers.

    Args:
        split: of a source.
        preprocess: of the network.
        augment: how the pictures are varied; None leaves them as they are.
        batching: how they are divided and ordered; its seed is that of their variation too.
        workers: processes that read files; by default all processors but one. In memory none is needed.
        share: of every batch that this process takes; the parts of all processes are the batch that one would have.

    >>> from residua.data import open_source
    >>> source = open_source("digits")
    >>> batches = Batches(
    ...     source.splits["val"], Preprocess.for_source(source), augment=None, batching=Batching(size=64),
    ... )
    >>> [len(batch.targets) for batch in batches.epoch(1)]
    [64, 64, 7]
    """

    def __init__(
        self,
        split: Split,
        preprocess: Preprocess,
        *,
        augment: Augment | None,
        batching: Batching,
        workers: int | None = None,
        share: Share = WHOLE,
    ) -> None:
        self.split = split
        self.preprocess = preprocess
        self.augment = augment
        self.batching = batching
        streams = isinstance(split.pictures, FilePictures | ShardPictures)
        self.workers = default_workers(workers) if streams else 0
        self.share = share

    def __len__(self) -> int:
        return self.batching.count(len(self.split))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Give the batches of an epoch from number `start` on.

        Raises:
            BadData: a picture cannot be read; it is named, and no other takes its place.
        """
        order, draws = self.plan(epoch)
        size = self.batching.size
        rows = [order[n * size : (n + 1) * size] for n in range(start, len(self))]
        # Pictures are mixed with any others of the whole batch, so then the part is taken after the mixing.
        mixes = self.augment is not None and self.augment.mixes
        if not mixes:
            rows = [self.share.of(row) for row in rows]
        task = Reading(self.split, self.preprocess, self.augment, draws)
        answers = read_in_order(task, rows, workers=self.workers, names=self.split.names)
        for number, (indices, pixels) in enumerate(zip(rows, answers, strict=True), start=start):
            images = self.preprocess.normalise(torch.as_tensor(pixels).permute(0, 3, 1, 2))
            targets = torch.from_numpy(self.split.labels[indices])
            places = torch.from_numpy(indices)
            if self.augment is not None and mixes:
                random = np.random.default_rng((self.batching.seed, epoch, number, 2))
                images, targets = mixed(images, targets, self.augment, len(self.split.classes), random)
                images, targets, places = (self.share.of(whole) for whole in (images, targets, places))
            yield Batch(images, targets, places)

    def plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the order of the pictures in an epoch, and the numbers drawn for each picture."""
        count = len(self.split)
        order = self.batching.order(epoch, count, self.split.pictures.order)
        if self.augment is None:
            return order, None
        return order, self.augment.draw(count, self.batching.seed, epoch)


@final
@dataclass(frozen=True, slots=True)
class Reading(Task[np.ndarray]):
    """How a batch is read; small enough to be sent to a worker."""

    split: Split
    preprocess: Preprocess
    augment: Augment | None
    draws: np.ndarray | None

    def read(self, indices: np.ndarray) -> np.ndarray | str:
        """Return uint8 pixels, batch × size × size × channels, or why a picture cannot be read."""
        size, channels = self.preprocess.size, self.preprocess.channels
        pixels = np.empty((len(indices), size, size, channels), np.uint8)
        for place, index in enumerate(indices.tolist()):
            try:
                picture = self.split.read(index, side=self.preprocess.read_side)
            except UnreadablePicture as refusal:
                return str(refusal)
            if self.augment is None or self.draws is None:
                pixels[place] = self.preprocess.fit(picture)
            else:
                pixels[place] = self.augment.apply(picture, self.draws[index], self.preprocess)
        return pixels
