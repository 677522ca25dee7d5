"""Batches of pictures with masks: crops of one size to learn from, whole pictures to be scored on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from residua.data.batching import Batching
from residua.data.masks.augment import MaskAugment
from residua.data.masks.preprocess import MaskPreprocess
from residua.data.masks.shards.pairs import ShardPairs
from residua.data.masks.split import FilePairs, MaskSplit
from residua.data.refusals import UnreadablePicture
from residua.data.share import WHOLE, Share
from residua.data.workers import Task, default_workers, read_in_order
from residua.types import Images, Labels


@final
@dataclass(frozen=True, slots=True)
class MaskBatch:
    """Normalised pictures, the class of each pixel (`VOID` for none), and their places in the split.

    In training both have the size of the crop. Else the pictures are at the scale of the network, and the masks at
    their original size.
    """

    images: Images
    masks: UInt8[Tensor, "batch rows columns"]
    indices: Labels

    @property
    def targets(self) -> Tensor:
        """The masks, by the name that what is learned has for every task."""
        return self.masks


@final
class MaskBatches:
    """The batches of a split, epoch by epoch.

    All that is random depends on (seed, epoch, position) alone: any epoch can be begun at any batch, and gives the
    same bits from memory, from files and from any number of workers.

    Args:
        split: of a source.
        preprocess: of the network.
        augment: how crops are cut and varied; None gives whole pictures as they are, as evaluation needs them.
        batching: how they are divided and ordered; its seed is that of their variation too. Whole pictures share a
            batch only with neighbours of their size, and none of them is left out.
        workers: processes that read files; by default all processors but one. In memory none is needed.
        share: of every batch that this process takes; the parts of all processes are the batch that one would have.

    >>> from residua.data.masks import open_masks
    >>> source = open_masks("scenes")
    >>> batches = MaskBatches(
    ...     source.splits["val"], MaskPreprocess.for_source(source), augment=None, batching=Batching(size=64),
    ... )
    >>> [tuple(batch.images.shape) for batch in batches.epoch(1)]
    [(64, 1, 64, 64), (36, 1, 64, 64)]
    """

    def __init__(
        self,
        split: MaskSplit,
        preprocess: MaskPreprocess,
        *,
        augment: MaskAugment | None,
        batching: Batching,
        workers: int | None = None,
        share: Share = WHOLE,
    ) -> None:
        self.split = split
        self.preprocess = preprocess
        self.augment = augment
        # A whole picture that is left out would be missing in the score.
        self.batching = batching if augment is not None else replace(batching, drop_last=False)
        streams = isinstance(split.pairs, FilePairs | ShardPairs)
        self.workers = default_workers(workers) if streams else 0
        self.share = share
        self._one_size = split.one_size

    def __len__(self) -> int:
        if self.augment is None and not self._one_size:
            return len(self.rows(0))
        return self.batching.count(len(self.split))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[MaskBatch]:
        """Give the batches of an epoch from number `start` on.

        Raises:
            BadData: a file cannot be read; it is named, and no other takes its place.
        """
        draws = (
            None if self.augment is None else self.augment.draw(len(self.split), self.batching.seed, epoch)
        )
        rows = [self.share.of(row) for row in self.rows(epoch)[start:]]
        task = MaskReading(self.split, self.preprocess, self.augment, draws)
        answers = read_in_order(task, rows, workers=self.workers, names=self.split.names)
        for indices, (images, masks) in zip(rows, answers, strict=True):
            yield MaskBatch(images, masks, torch.from_numpy(indices))

    def rows(self, epoch: int) -> list[np.ndarray]:
        """Return the positions in the split of the pictures of each batch of an epoch."""
        count = len(self.split)
        size = self.batching.size
        order = self.batching.order(epoch, count, self.split.pairs.order)
        if self.augment is not None or self._one_size:
            return [order[n * size : (n + 1) * size] for n in range(len(self))]
        alike: list[list[int]] = []
        last: tuple[int, ...] | None = None
        for index in order.tolist():
            shape = tuple(self.split.shapes[index].tolist())
            if shape != last or len(alike[-1]) == size:
                alike.append([])
            alike[-1].append(index)
            last = shape
        return [np.array(row, np.int64) for row in alike]


@final
@dataclass(frozen=True, slots=True)
class MaskReading(Task[tuple[Tensor, Tensor]]):
    """How a batch is read; small enough to be sent to a worker."""

    split: MaskSplit
    preprocess: MaskPreprocess
    augment: MaskAugment | None
    draws: np.ndarray | None

    def read(self, indices: np.ndarray) -> tuple[Tensor, Tensor] | str:
        """Return normalised pictures and their masks, or why one cannot be read."""
        if not len(indices):  # a small batch may have no part for this process
            empty = torch.empty(0, self.preprocess.channels, *self.preprocess.crop)
            return empty, torch.empty(0, *self.preprocess.crop, dtype=torch.uint8)
        images: list[Tensor] = []
        masks: list[Tensor] = []
        for index in indices.tolist():
            try:
                pair = self.split.read(index, scale=self.preprocess.scale)
            except UnreadablePicture as refusal:
                return str(refusal)
            if self.augment is None or self.draws is None:
                planes, mask = self.preprocess.planes(pair.picture), pair.mask
            else:
                planes, mask = self.augment.apply(pair, self.draws[index], self.preprocess)
            images.append(planes)
            masks.append(torch.from_numpy(np.ascontiguousarray(mask)))
        return torch.stack(images), torch.stack(masks)
