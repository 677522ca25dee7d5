"""Pictures of a run, as a program takes them and as its network does, with what they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from residua.data import Batching, Picture, Preprocess, Split
from residua.data.masks import MaskAugment, MaskBatches, MaskPreprocess, MaskSplit
from residua.data.preprocess import with_channels
from residua.data.source import evenly
from residua.errors import BadData
from residua.runs import Run
from residua.training.record import read_record, reopened

BATCH: Final = 16


@final
@dataclass(frozen=True, slots=True)
class HeldOut:
    """Batches of pictures as a program takes them, as the network does, and what they or their pixels are."""

    given: Sequence[Tensor]
    normalised: Sequence[Tensor]
    labels: Tensor


def own_split(run: Run, data: str | None, name: str | None) -> Split | MaskSplit:
    """Return a split of the data of a run, as the run divided them.

    Args:
        run: that learned from them.
        data: where they are now; None for where they were.
        name: of the split; None for the last of train, val, test.

    Raises:
        BadData: they have changed, or are others.
    """
    record = read_record(run)
    source = reopened(data, record)
    if source is None:
        raise BadData(
            f"{data} are not the data that {run.folder} learned from ({record.data}); give those, or a copy of them"
        )
    return source.splits[name or [known for known in ("train", "val", "test") if known in source.splits][-1]]


def gathered(
    split: Split | MaskSplit, preprocess: Preprocess | MaskPreprocess, most: int, *, inside: bool = False
) -> HeldOut:
    """Return pictures of a split, spread over all of it; those with masks cut as for training, not varied.

    Args:
        split: of the data of a run.
        preprocess: of its network.
        most: how many pictures.
        inside: the program prepares its pictures itself.

    Raises:
        UnreadablePicture: one cannot be read.
    """
    if isinstance(split, MaskSplit):
        assert isinstance(preprocess, MaskPreprocess), "the run and its model are of one task"
        return gathered_masks(split, preprocess, most, inside=inside)
    assert isinstance(preprocess, Preprocess), "the run and its model are of one task"
    groups: dict[tuple[int, ...], list[tuple[Tensor, Tensor, int]]] = {}
    for index in evenly(len(split), most):
        picture = split.read(index, side=preprocess.read_side)
        seen = preprocess.pixels(picture)
        given = as_tensor(with_channels(picture, preprocess.channels)) if inside else seen
        groups.setdefault(tuple(given.shape), []).append((given, seen, int(split.labels[index])))
    given_batches, normalised, labels = [], [], []
    for group in sorted(groups.values(), key=len, reverse=True):  # the first batch is timed: a full one
        for start in range(0, len(group), BATCH):
            batch = group[start : start + BATCH]
            ready = preprocess.normalise(torch.stack([seen for _, seen, _ in batch]))
            given_batches.append(torch.stack([given for given, _, _ in batch]) if inside else ready)
            normalised.append(ready)
            labels.append(torch.tensor([label for _, _, label in batch]))
    return HeldOut(given_batches, normalised, torch.cat(labels))


def gathered_masks(split: MaskSplit, preprocess: MaskPreprocess, most: int, *, inside: bool) -> HeldOut:
    """Return cut pictures with the class of each pixel."""
    chosen = split.chosen(evenly(len(split), most))
    batches = MaskBatches(
        chosen, preprocess, augment=MaskAugment(rare=0), batching=Batching(size=BATCH), workers=0
    )
    found = list(batches.epoch(1))
    normalised = [batch.images.contiguous() for batch in found]
    given = [as_bytes(images, preprocess) for images in normalised] if inside else normalised
    if inside:  # what was lost by rounding to bytes is not the program's fault
        normalised = [preprocess.normalise(images.float(), 255.0) for images in given]
    return HeldOut(given, normalised, torch.cat([batch.targets for batch in found]))


def as_bytes(images: Tensor, preprocess: MaskPreprocess) -> Tensor:
    """Return normalised pictures as the bytes that they were made of."""
    mean, std = (torch.tensor(of)[:, None, None] for of in (preprocess.mean, preprocess.std))
    return ((images * std + mean) * 255).round().clamp(0, 255).byte()


def as_tensor(picture: Picture) -> Tensor:
    """Return a picture as channels × height × width."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)
