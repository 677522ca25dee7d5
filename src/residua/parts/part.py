"""The one interface: a module from a tensor to a tensor."""

from typing import TYPE_CHECKING

from torch import Tensor, nn


class Part(nn.Module):
    """A module that takes one tensor and gives one tensor."""

    if TYPE_CHECKING:  # nn.Module types its call as Any; a part's is known

        def __call__(self, x: Tensor) -> Tensor: ...
