"""A fork that meets again: the only fork in the library."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from residua.errors import BadSpec
from residua.parts.part import Part

Carried = Float[Tensor, "batch carried *space"]
Learned = Float[Tensor, "batch learned *space"]


class Join(Part, ABC):
    """Two legs from one input, merged: `merge(shortcut(x), branch(x))`.

    Inheriting `ABC` beside `nn.Module` is what makes Python enforce the abstract methods.

    Args:
        branch: the leg that learns.
        shortcut: the leg that carries; the identity if not given.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.merge(self.shortcut(x), self.branch(x))

    @abstractmethod
    def merge(self, carried: Carried, learned: Learned) -> Tensor:
        """Return what leaves the fork, given what the two legs brought."""

    @staticmethod
    @abstractmethod
    def width(carried: int, learned: int) -> int:
        """Return the number of channels after the merge."""


@final
class Sum(Join):
    """Add what was learned to what was carried: ResNet (He et al. 2015, arXiv:1512.03385).

    Raises:
        BadSpec: the legs bring different shapes; from the call.

    >>> import torch
    >>> from torch import nn
    >>> Sum(nn.Conv2d(8, 8, 3, padding=1))(torch.zeros(2, 8, 4, 4)).shape
    torch.Size([2, 8, 4, 4])
    """

    def merge(self, carried: Carried, learned: Learned) -> Tensor:
        # PyTorch would broadcast a branch of one channel, or of one pixel, without a word.
        if carried.shape != learned.shape:
            legs = f"the shortcut brings {tuple(carried.shape)} and the branch {tuple(learned.shape)}"
            raise BadSpec(
                f"{legs}; a Sum needs the same shape from both. Give it a shortcut with the channels and the "
                "stride of the branch: `residua.parts.shortcut` makes one"
            )
        return carried + learned

    @staticmethod
    def width(carried: int, learned: int) -> int:
        """Return `carried`: a sum has the channels of either leg."""
        return carried


@final
class Concat(Join):
    """Put what was learned beside what was carried.

    Around one layer this is DenseNet (Huang et al. 2016, arXiv:1608.06993); around everything below it is
    U-Net (Ronneberger et al. 2015, arXiv:1505.04597).

    >>> import torch
    >>> from torch import nn
    >>> Concat(nn.Conv2d(8, 4, 3, padding=1))(torch.zeros(2, 8, 4, 4)).shape
    torch.Size([2, 12, 4, 4])
    """

    def merge(self, carried: Carried, learned: Learned) -> Tensor:
        return torch.cat((carried, learned), dim=1)

    @staticmethod
    def width(carried: int, learned: int) -> int:
        """Return `carried + learned`."""
        return carried + learned


@final
class Couple(Join):
    """Add what the branch reads from one half of the channels to the other half, and let the two change places.

    From the halves (a, b) it gives (b, a + branch(b)), so that what came in can be computed from what left:
    a = second - branch(first). Two in a row are the reversible block of Gomez et al. 2017 (arXiv:1707.04585).

    Raises:
        BadSpec: the branch does not give the shape of a half; from the call.

    >>> import torch
    >>> from torch import nn
    >>> Couple(nn.Conv2d(4, 4, 3, padding=1))(torch.zeros(2, 8, 4, 4)).shape
    torch.Size([2, 8, 4, 4])
    """

    def forward(self, x: Tensor) -> Tensor:
        _, second = x.chunk(2, dim=1)
        return self.merge(self.shortcut(x), self.branch(second))

    def merge(self, carried: Carried, learned: Learned) -> Tensor:
        first, second = carried.chunk(2, dim=1)
        if first.shape != learned.shape:
            legs = f"half of what is carried is {tuple(first.shape)} and the branch brings {tuple(learned.shape)}"
            raise BadSpec(
                f"{legs}; a Couple needs the same shape from both. Give it an even number of channels, and a branch "
                "that keeps half of them"
            )
        return torch.cat((second, first + learned), dim=1)

    @staticmethod
    def width(carried: int, learned: int) -> int:
        """Return `carried`: a couple changes no number of channels."""
        return carried


def joins(model: nn.Module) -> Iterator[tuple[str, Join]]:
    """Walk the forks of a model in the order in which it defines them.

    >>> from torch import nn
    >>> [name for name, _ in joins(nn.Sequential(Sum(nn.ReLU()), Concat(nn.ReLU())))]
    ['0', '1']
    """
    return ((name, part) for name, part in model.named_modules() if isinstance(part, Join))
