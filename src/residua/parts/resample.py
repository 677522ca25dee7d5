"""Parts that change the size of a picture, and the one that makes every size fit."""

from typing import final

import torch.nn.functional as F
from torch import Tensor, nn

from residua.parts.part import Part


@final
class Fitted(Part):
    """Pad the input up to a multiple, run the part, and crop the result back to the size that came in.

    The border is repeated rather than filled with zeros: a constant frame is something a network would see.

    Args:
        part: any part whose output has the size of its input when that is a multiple of `multiple`.
        multiple: in pixels.

    >>> import torch
    >>> from torch import nn
    >>> halves = nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=2))
    >>> Fitted(halves, 2)(torch.zeros(1, 1, 5, 7)).shape
    torch.Size([1, 1, 5, 7])
    """

    def __init__(self, part: nn.Module, multiple: int) -> None:
        super().__init__()
        self.part = part
        self.multiple = multiple

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        below, right = -height % self.multiple, -width % self.multiple
        x = F.pad(x, (0, right, 0, below), mode="replicate")
        # Padding by less than nothing crops. A slice would too, but as a view, whose layout makes an exported
        # program refuse either the sizes that fit or those that do not.
        return F.pad(self.part(x), (0, -right, 0, -below))

    def extra_repr(self) -> str:
        return f"multiple={self.multiple}"
