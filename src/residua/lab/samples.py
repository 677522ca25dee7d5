"""The pictures of the lab as tensors: the embedded digits, or any data that can be trained on."""

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
import torch
from torch import Tensor

from residua.data import Preprocess, Split, load, open_source
from residua.look import Examples
from residua.types import Images, Labels


@final
@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Normalised pictures in memory: what to train on, and what to test with.

    Attributes:
        name: of the data.
        train: images and labels of all that is not for the test, so train and val together.
        test: images and labels, normalised as those are.
        classes: how many there are.
    """

    name: str
    train: Examples
    test: Examples
    classes: int

    @property
    def channels(self) -> int:
        """Channels of the pictures."""
        return self.train[0].shape[1]

    @property
    def size(self) -> int:
        """Side of the pictures in pixels."""
        return self.train[0].shape[-1]

    def batch(self, samples: int) -> Examples:
        """Return the first training samples: the same for every network that is compared."""
        images, labels = self.train
        return images[:samples], labels[:samples]


@lru_cache(maxsize=1)
def samples(data: str = "digits", *, device: str = "cpu") -> Samples:
    """Read all pictures of some data into memory; they stay there for the next claim, so change none.

    Args:
        data: "digits", or what `residua train` takes: a folder of class folders, or a table.
        device: where to put them.

    Raises:
        BadData: there is no such data, or a picture of it cannot be read.

    >>> digits = samples()
    >>> len(digits.train[0]), len(digits.test[0]), digits.classes
    (1347, 450, 10)
    """
    source = open_source(data)
    preprocess = Preprocess.for_source(source)
    source = load(source, preprocess)
    source = source.without(source.bad)
    parts = {name: tensors(split, preprocess) for name, split in source.splits.items()}
    test = parts.pop("test") if "test" in parts else parts.pop("val")
    images, labels = (torch.cat(kind) for kind in zip(*parts.values(), strict=True))
    # The classes may come one after another; a batch from the front must have them all.
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train = images[order].to(device), labels[order].to(device)
    return Samples(source.name, train, (test[0].to(device), test[1].to(device)), len(source.classes))


def tensors(split: Split, preprocess: Preprocess) -> tuple[Images, Labels]:
    """Return the pictures of a split as a network sees them, and their labels."""
    pixels: list[Tensor] = [
        preprocess.pixels(split.read(index, side=preprocess.read_side)) for index in range(len(split))
    ]
    return preprocess.normalise(torch.stack(pixels)), torch.from_numpy(np.asarray(split.labels))
