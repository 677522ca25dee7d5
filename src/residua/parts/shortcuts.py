"""What a block carries past its branch: the identity, or the nearest thing where the shape changes.

Options A, B and C are those of He et al. 2015 (arXiv:1512.03385), section 3.3.
"""

from typing import Literal, assert_never, final

import torch.nn.functional as F
from torch import Tensor, nn

from residua.errors import BadSpec
from residua.parts.chain import Chain
from residua.parts.layers import Norm, convolution, normalisation
from residua.parts.part import Part

Shortcut = Literal["A", "B", "C"]


@final
class PadChannels(Part):
    """Take every `stride`-th pixel and add channels of zeros: option A, no parameters.

    The zeros are split between front and back, as in the common CIFAR implementations, so that their
    weights can be read.

    Raises:
        BadSpec: there are fewer channels after it than before.

    >>> import torch
    >>> PadChannels(16, 32, stride=2)(torch.ones(1, 16, 8, 8)).shape
    torch.Size([1, 32, 4, 4])
    """

    def __init__(self, carried: int, learned: int, *, stride: int) -> None:
        super().__init__()
        if learned < carried:
            raise BadSpec(
                f"shortcut A from {carried} channels to {learned}; it can only add channels. "
                "Take B, which projects"
            )
        self.stride = stride
        self.front = (learned - carried) // 2
        self.back = learned - carried - self.front

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.front, self.back))

    def extra_repr(self) -> str:
        return f"{self.front}, {self.back}, stride={self.stride}"


def shortcut(option: Shortcut, carried: int, learned: int, *, stride: int, norm: Norm) -> nn.Module:
    """Return the shortcut of a block from `carried` to `learned` channels at a stride.

    Args:
        option: "A" pads with zeros where the shape changes, "B" projects there, "C" projects everywhere.
        carried: channels that come in.
        learned: channels that the branch gives.
        stride: of the branch.
        norm: what follows a projection; "none" for a projection alone.

    >>> from residua.parts import shortcut
    >>> shortcut("B", 64, 64, stride=1, norm="batch")
    Identity()
    """
    changes = stride != 1 or carried != learned
    match option:
        case "A":
            return PadChannels(carried, learned, stride=stride) if changes else nn.Identity()
        case "B" | "C" if not (changes or option == "C"):
            return nn.Identity()
        case "B" | "C":
            conv = convolution(carried, learned, kernel=1, stride=stride)
            return Chain(conv=conv) if norm == "none" else Chain(conv=conv, norm=normalisation(norm, learned))
        case _:
            assert_never(option)
