"""Convolutions of a training step on processors with tiles (AMX), where oneDNN's take longer than they need.

Its gradient of the weights takes two to three times as long as its forward pass, and a row of few pixels fills little
of a tile. So the first is a kernel of our own; and kernels of one pixel, and few pixels, are products of two matrices:
what each pixel sees, laid side by side, and the weights.
"""

from dataclasses import dataclass
from typing import Any, Final, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from residua.training.kernels.calls import LANES, weight_gradient
from residua.training.kernels.compiled import tiles
from residua.training.kernels.seen import Window, put_back, seen, window_of

FEW: Final = 4
"""Pixels in a row, and rows, that fill too little of a tile."""
MANY: Final = 2**19
"""Weights that take longer to arrange for each product than it takes to lay side by side what few pixels see."""
CHEAP: Final = 1024
"""Pixels of a batch for which it costs little to lay side by side what they see."""

Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]
"""Of the input, of the weights, and of what is added; None where it is not wanted."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a convolution of one shape is computed where oneDNN is not left to do it.

    Attributes:
        window: what the kernel sees.
        product: the output, and the gradient of the input, are products of matrices.
        direct: our kernel takes the pixels as they lie, not laid side by side.
        tiles: our kernel computes the gradient of the weights.
    """

    window: Window
    product: bool
    direct: bool
    tiles: bool


def convolution(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return `conv(x)`, and its gradient in less time where autocast gives bfloat16 and the processor has tiles.

    Args:
        x: batch of feature maps.
        conv: any.

    >>> convolution(torch.zeros(2, 16, 4, 4), nn.Conv2d(16, 8, 3)).shape
    torch.Size([2, 8, 2, 2])
    """
    casts = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    plan = plan_of(x, conv) if casts and conv.weight.dtype == torch.float32 else None
    if plan is None:
        answer: Tensor = conv(x)
        return answer
    answer = Convolution.apply(x, conv.weight, conv.bias, conv, plan)  # type: ignore[no-untyped-call]
    return answer


def plan_of(x: Tensor, conv: nn.Conv2d) -> Plan | None:
    """Return how to compute it; None for anything but bfloat16, channels last, a plain square kernel, a CPU with tiles.

    >>> plan_of(torch.zeros(2, 3, 4, 4), nn.Conv2d(3, 16, 3))  # 3 channels are no multiple of 16
    """
    plain = conv.groups == 1 and conv.dilation == (1, 1) and conv.padding_mode == "zeros"
    square = len({*conv.kernel_size}) == len({*conv.stride}) == len({*conv.padding}) == 1
    fits = (
        x.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and x.ndim == 4
        and x.numel() > 0
        and x.is_contiguous(memory_format=torch.channels_last)
        and conv.in_channels % LANES == conv.out_channels % LANES == 0
        and plain
        and square
        and not isinstance(conv.padding, str)
        and tiles() is not None
    )
    if not fits:
        return None
    window = window_of(x, conv)
    (size, _), side = conv.kernel_size, min(x.shape[2:])
    few = max(window.height, window.width) <= FEW and conv.weight.numel() >= MANY
    product = size == 1 or few
    # With as many rows of zeros between pictures as there are rows, half of the work would be for nothing.
    direct = not product and window.stride == 1 and size == 2 * window.padding + 1 and window.padding < side
    laid = product or len(x) * window.height * window.width <= CHEAP
    return Plan(window=window, product=product, direct=direct, tiles=direct or laid)


class Convolution(torch.autograd.Function):
    """A convolution and its gradient."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, conv: nn.Conv2d, plan: Plan
    ) -> Tensor:
        kernel = weight.to(x.dtype)
        context.save_for_backward(x, kernel)
        context.conv, context.plan = conv, plan
        return convolved(x, kernel, bias, conv, plan)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel = context.saved_tensors
        wanted = context.needs_input_grad[:3]
        of_each = convolution_gradients(gradient, x, kernel, context.conv, context.plan, wanted=wanted)
        return *of_each, None, None


def convolved(x: Tensor, kernel: Tensor, bias: Tensor | None, conv: nn.Conv2d, plan: Plan | None) -> Tensor:
    """Return the convolution of a batch with weights of its type."""
    offset = None if bias is None else bias.to(x.dtype)
    with torch.autocast("cpu", enabled=False):
        if plan is None or not plan.product:
            return F.conv2d(x, kernel, offset, conv.stride, conv.padding, conv.dilation, conv.groups)
        y = F.linear(seen(x, plan.window), flat(kernel), offset)
    return y.view(len(x), plan.window.height, plan.window.width, len(kernel)).permute(0, 3, 1, 2)


def convolution_gradients(
    gradient: Tensor,
    x: Tensor,
    kernel: Tensor,
    conv: nn.Conv2d,
    plan: Plan | None,
    *,
    wanted: tuple[bool, bool, bool],
) -> Gradients:
    """Return the gradients of a convolution; that of the weights in float32 where our kernel computes it.

    Args:
        gradient: of the output.
        x: the input.
        kernel: the weights, in the type of the input.
        conv: whose stride and padding hold.
        plan: how it is computed; None leaves it to PyTorch.
        wanted: the gradient of the input, the weights, what is added.
    """
    gradient = gradient.to(x.dtype).contiguous(memory_format=torch.channels_last)
    of_x = of_kernel = None
    left = [*wanted]
    with torch.autocast("cpu", enabled=False):
        if plan is not None and plan.product and wanted[0]:
            of_x, left[0] = put_back(pixels_of(gradient) @ flat(kernel), x, plan.window), False
        if plan is not None and plan.tiles and wanted[1]:
            of_kernel, left[1] = of_weights(gradient, x, plan), False
        rest: Gradients = (None, None, None)
        if any(left):
            rest = torch.ops.aten.convolution_backward(
                *(gradient, x, kernel, [len(kernel)], conv.stride, conv.padding, conv.dilation),
                *(False, [0, 0], conv.groups, left),
            )
    return (of_x if rest[0] is None else rest[0], of_kernel if rest[1] is None else rest[1], rest[2])


def of_weights(gradient: Tensor, x: Tensor, plan: Plan) -> Tensor:
    """Return the gradient of the weights in float32, by the kernel of our own."""
    size = plan.window.size
    if plan.direct:
        return weight_gradient(gradient, x, size)
    found = weight_gradient(as_picture(pixels_of(gradient)), as_picture(seen(x, plan.window)), 1)
    return found.view(len(found), size, size, x.shape[1]).permute(0, 3, 1, 2)


def pixels_of(batch: Tensor) -> Tensor:
    """Return the pixels of a batch as rows of channels."""
    return batch.permute(0, 2, 3, 1).flatten(0, 2)


def as_picture(rows: Tensor) -> Tensor:
    """Return rows of channels as one picture of one row of pixels, one behind another in memory."""
    return rows.contiguous().t()[None, :, None]


def flat(kernel: Tensor) -> Tensor:
    """Return weights as a matrix: a row for each channel that is learned."""
    return kernel.permute(0, 2, 3, 1).flatten(1)
