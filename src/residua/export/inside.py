"""Preprocessing as part of the graph: from pictures of bytes, of any size, to the logits.

Resizing with Pillow's widening filters is linear along each side, so it is two products with matrices. Their entries
are computed in the graph from the size that comes in, of additions and products alone: every runtime has those, and
none has to agree with Pillow on a resize operator of its own.
"""

from typing import final

import torch
from torch import Tensor, nn

from residua.data import Preprocess
from residua.data.masks import MaskPreprocess
from residua.parts import Part


@final
class Inside(Part):
    """A network that takes pictures: uint8, batch × channels × height × width.

    A classifier cuts out the central square and resizes it, as `Preprocess.fit` does but without rounding to bytes in
    between; a network that answers for every pixel takes the picture whole.

    Args:
        network: that takes what `preprocess` gives.
        preprocess: of its training.

    >>> from residua.nets.build import build
    >>> preprocess = Preprocess(size=8, resize=8, channels=1, mean=(0.0,), std=(1.0,), read_side=16)
    >>> network = Inside(build("resnet8_cifar", in_channels=1), preprocess)
    >>> network(torch.zeros(2, 1, 30, 20, dtype=torch.uint8)).shape
    torch.Size([2, 10])
    """

    def __init__(self, network: nn.Module, preprocess: Preprocess | MaskPreprocess) -> None:
        super().__init__()
        self.network = network
        self.square = preprocess if isinstance(preprocess, Preprocess) else None
        mean, std = torch.tensor(preprocess.mean), torch.tensor(preprocess.std)
        self.register_buffer("scale", (1 / (255 * std))[:, None, None])
        self.register_buffer("shift", (-mean / std)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        pictures = x.to(torch.float32)
        if self.square is not None:
            # As tensors: a program keeps arithmetic on tensors as it is, and may fix a number to what it was once.
            tall, wide = (torch.ones(length, device=x.device).sum() for length in x.shape[-2:])
            side = torch.minimum(tall, wide) * (self.square.size / self.square.resize)
            down, across = (matrix(length, side, self.square, x.device) for length in x.shape[-2:])
            # Across first, and cut off at 0 and 255 each time, past which a cubic filter overshoots: as Pillow does.
            pictures = (down @ (pictures @ across.T).clamp(0, 255)).clamp(0, 255)
        answer: Tensor = self.network(pictures * self.get_buffer("scale") + self.get_buffer("shift"))
        return answer


def matrix(length: int, side: Tensor, preprocess: Preprocess, device: torch.device) -> Tensor:
    """Return what resizes the central `side` pixels of a row of `length` to a size: size × length.

    Row i has the filter around the place in the picture where pixel i comes from, as wide as the picture shrinks.
    """
    step = side / preprocess.size
    wanted = torch.arange(preprocess.size, dtype=torch.float32, device=device)[:, None] + 0.5
    given = torch.arange(length, dtype=torch.float32, device=device)[None, :] + 0.5
    place = wanted * step + (torch.ones(length, device=device).sum() - side) / 2
    distance = ((given - place) / step.clamp_min(1.0)).abs()
    weights = cubic(distance) if preprocess.interpolation == "bicubic" else (1 - distance).clamp_min(0)
    return weights / weights.sum(1, keepdim=True)


def cubic(distance: Tensor) -> Tensor:
    """Return the weight at a distance by the cubic of Keys 1981 with a = -0.5, as in Pillow."""
    near = (1.5 * distance - 2.5) * distance * distance + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < 2, far, torch.zeros_like(distance)))
