"""What each pixel of a convolution's output sees of its input, laid side by side, and the way back."""

from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a square kernel sees of a picture.

    Attributes:
        size: pixels of its side.
        stride: pixels from one window to the next.
        padding: zeros around the picture.
        height: windows one below another.
        width: windows in a row.
    """

    size: int
    stride: int
    padding: int
    height: int
    width: int


def window_of(x: Tensor, conv: nn.Conv2d) -> Window:
    """Return what a square convolution sees of a batch.

    >>> window_of(torch.zeros(1, 3, 8, 6), nn.Conv2d(3, 4, 3, stride=2, padding=1))
    Window(size=3, stride=2, padding=1, height=4, width=3)
    """
    (size, _), (stride, _), padding = conv.kernel_size, conv.stride, int(conv.padding[0])
    height, width = ((side + 2 * padding - size) // stride + 1 for side in x.shape[2:])
    return Window(size=size, stride=stride, padding=padding, height=height, width=width)


def seen(x: Tensor, window: Window) -> Tensor:
    """Return a row for each window: the channels of its pixels one after another.

    Args:
        x: batch with its channels last in memory; where a window is one pixel and all are taken, it is not copied.
        window: of which size and how far apart.

    >>> picture = torch.arange(9.0).view(1, 1, 3, 3)
    >>> seen(picture, Window(size=2, stride=1, padding=0, height=2, width=2))[0]
    tensor([0., 1., 3., 4.])
    """
    pixels = x.permute(0, 2, 3, 1)
    if window.padding:
        pixels = F.pad(pixels, (0, 0, *[window.padding] * 4))
    windows = pixels.unfold(1, window.size, window.stride).unfold(2, window.size, window.stride)
    return windows.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)


def put_back(rows: Tensor, x: Tensor, window: Window) -> Tensor:
    """Return a batch like `x`: each pixel the sum of what windows hold of it, added in float32.

    >>> window = Window(size=2, stride=1, padding=0, height=2, width=2)
    >>> put_back(torch.ones(4, 4), torch.zeros(1, 1, 3, 3), window).squeeze()
    tensor([[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]])
    """
    batch, channels, height, width = x.shape
    size, stride, padding = window.size, window.stride, window.padding
    held = rows.view(batch, window.height, window.width, size, size, channels)
    if size == stride == 1 and not padding:
        return held[..., 0, 0, :].permute(0, 3, 1, 2)
    whole = held.new_zeros(
        batch,
        height + 2 * padding,
        width + 2 * padding,
        channels,
        dtype=rows.dtype if size == 1 else torch.float32,
    )
    below, beside = (1 + stride * (count - 1) for count in (window.height, window.width))
    for row in range(size):
        for column in range(size):
            place = whole[:, row : row + below : stride, column : column + beside : stride]
            place += held[..., row, column, :]
    inner = whole[:, padding : padding + height, padding : padding + width]
    return inner.to(rows.dtype).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
