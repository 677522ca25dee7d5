"""Convolutions of a training step on processors with tiles (AMX), where oneDNN's take longer than they need.

Its gradient of the weights takes two to four times as long as its forward pass, and a row of few pixels fills little of
a tile. So the first is a kernel of our own; and kernels of one pixel, and few pixels, are products of two matrices:
what each pixel sees, laid side by side, and the weights. Like oneDNN all multiply bfloat16 and add in float32.
"""

from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from residua.training.kernels.calls import LANES, weight_gradient
from residua.training.kernels.compiled import tiles
from residua.training.kernels.seen import put_back, seen, window_of

FEW: Final = 4
"""Pixels in a row that fill too little of a tile."""
MANY: Final = 2**19
"""Weights that take longer to arrange for each product than it takes to lay side by side what few pixels see."""
CHEAP: Final = 1024
"""Pixels of a batch for which it costs little to lay side by side what they see."""

Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]
"""Of the input, of the weights, and of what is added; None where it is not wanted."""


def convolution(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return `conv(x)`, and its gradient in less time where autocast gives bfloat16 and the processor has tiles.

    Args:
        x: batch of feature maps.
        conv: any.

    >>> convolution(torch.zeros(2, 16, 4, 4), nn.Conv2d(16, 8, 3)).shape
    torch.Size([2, 8, 2, 2])
    """
    if not (torch.is_autocast_enabled("cpu") and conv.weight.dtype == torch.float32 and fits(x, conv)):
        answer: Tensor = conv(x)
        return answer
    answer = Convolution.apply(x, conv.weight, conv.bias, conv)  # type: ignore[no-untyped-call]
    return answer


def fits(x: Tensor, conv: nn.Conv2d) -> bool:
    """Return whether it can be done here: bfloat16, channels last, a plain square kernel, on a CPU with tiles.

    >>> fits(torch.zeros(2, 3, 4, 4), nn.Conv2d(3, 16, 3))  # 3 channels are no multiple of 16
    False
    """
    plain = conv.groups == 1 and conv.dilation == (1, 1) and conv.padding_mode == "zeros"
    square = len({*conv.kernel_size}) == len({*conv.stride}) == len({*conv.padding}) == 1
    return (
        x.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and x.ndim == 4
        and x.is_contiguous(memory_format=torch.channels_last)
        and conv.in_channels % LANES == conv.out_channels % LANES == 0
        and plain
        and square
        and not isinstance(conv.padding, str)
        and tiles() is not None
    )


class Convolution(torch.autograd.Function):
    """A convolution and its gradient."""

    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, conv: nn.Conv2d) -> Tensor:
        kernel = weight.to(x.dtype)
        context.save_for_backward(x, kernel)
        context.conv = conv
        return convolved(x, kernel, bias, conv)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel = context.saved_tensors
        return *gradients(gradient, x, kernel, context.conv, context.needs_input_grad[:3]), None


def convolved(x: Tensor, kernel: Tensor, bias: Tensor | None, conv: nn.Conv2d) -> Tensor:
    """Return the convolution of a batch with weights of its type."""
    offset = None if bias is None else bias.to(x.dtype)
    with torch.autocast("cpu", enabled=False):
        if not (fits(x, conv) and is_product(x, conv)):
            return F.conv2d(x, kernel, offset, conv.stride, conv.padding, conv.dilation, conv.groups)
        window = window_of(x, conv)
        y = F.linear(seen(x, window), flat(kernel), offset)
    return y.view(len(x), window.height, window.width, -1).permute(0, 3, 1, 2)


def gradients(
    gradient: Tensor, x: Tensor, kernel: Tensor, conv: nn.Conv2d, wanted: tuple[bool, bool, bool]
) -> Gradients:
    """Return the gradients of a convolution, those of weights and of what is added in float32 or in the type of `x`.

    Args:
        gradient: of the output.
        x: the input.
        kernel: the weights, in the type of the input.
        conv: whose stride and padding hold.
        wanted: the gradient of the input, the weights, what is added.
    """
    gradient = gradient.to(x.dtype).contiguous(memory_format=torch.channels_last)
    of_x = of_kernel = None
    left = [*wanted]
    with torch.autocast("cpu", enabled=False):
        if fits(x, conv):
            window = window_of(x, conv)
            if wanted[0] and is_product(x, conv):
                of_x, left[0] = put_back(rows(gradient) @ flat(kernel), x, window), False
            if wanted[1] and goes_by_tiles(x, conv):
                of_kernel, left[1] = of_weights(gradient, x, conv), False
        rest: Gradients = (None, None, None)
        if any(left):
            rest = torch.ops.aten.convolution_backward(
                *(gradient, x, kernel, [len(kernel)], conv.stride, conv.padding, conv.dilation),
                *(False, [0, 0], conv.groups, left),
            )
    return (of_x if rest[0] is None else rest[0], of_kernel if rest[1] is None else rest[1], rest[2])


def is_product(x: Tensor, conv: nn.Conv2d) -> bool:
    """Return whether to compute the output, and the gradient of the input, as a product of matrices."""
    return conv.kernel_size == (1, 1) or (window_of(x, conv).width <= FEW and conv.weight.numel() >= MANY)


def is_direct(x: Tensor, conv: nn.Conv2d) -> bool:
    """Return whether the kernel of our own takes the pixels as they lie."""
    size = conv.kernel_size[0]
    return conv.stride == (1, 1) and size % 2 == 1 and conv.padding == (size // 2,) * 2


def goes_by_tiles(x: Tensor, conv: nn.Conv2d) -> bool:
    """Return whether the kernel of our own is to compute the gradient of the weights."""
    window = window_of(x, conv)
    pixels = len(x) * window.height * window.width
    return is_product(x, conv) or is_direct(x, conv) or pixels <= CHEAP


def of_weights(gradient: Tensor, x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return the gradient of the weights in float32, by the kernel of our own."""
    if is_direct(x, conv) and not is_product(x, conv):
        return weight_gradient(gradient, x, conv.kernel_size[0])
    window = window_of(x, conv)
    flat_gradient = weight_gradient(as_picture(rows(gradient)), as_picture(seen(x, window)), 1)
    return flat_gradient.view(conv.out_channels, window.size, window.size, -1).permute(0, 3, 1, 2)


def rows(batch: Tensor) -> Tensor:
    """Return the pixels of a batch as rows of channels."""
    return batch.permute(0, 2, 3, 1).flatten(0, 2)


def as_picture(of: Tensor) -> Tensor:
    """Return rows of channels as one picture of one row of pixels."""
    return of.t()[None, :, None]


def flat(kernel: Tensor) -> Tensor:
    """Return weights as a matrix: a row for each channel that is learned."""
    return kernel.permute(0, 2, 3, 1).flatten(1)
