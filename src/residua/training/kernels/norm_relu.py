"""Batch norm, addition and ReLU of a training step in two walks over memory forward and two back.

PyTorch takes them one by one, with more. With a convolution behind them, what enters it need not be kept: its gradient
computes it again, in one walk.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from residua.training.kernels.calls import applied, fits, gradients, measured
from residua.training.kernels.convolution import convolution_gradients, convolved, plan_of


def norm_relu(x: Tensor, norm: nn.BatchNorm2d, *, carried: Tensor | None = None, relu: bool = True) -> Tensor:
    """Return `relu(norm(x) + carried)`, by the kernels where they can, and by PyTorch where they cannot.

    Args:
        x: batch of feature maps.
        norm: whose running statistics are written, as by a call of it.
        carried: added before the ReLU; of the shape of `x`.
        relu: whether there is one.

    >>> norm_relu(torch.zeros(2, 16, 4, 4), nn.BatchNorm2d(16)).shape
    torch.Size([2, 16, 4, 4])
    """
    alike = carried is None or (carried.shape == x.shape and carried.dtype == x.dtype)
    if not (alike and fits(x, norm)):
        y: Tensor = norm(x)
        y = y if carried is None else carried + y
        return torch.relu(y) if relu else y
    answer: Tensor = NormReLU.apply(x, norm.weight, norm.bias, carried, norm, relu)  # type: ignore[no-untyped-call]
    return answer


def norm_relu_conv(x: Tensor, norm: nn.BatchNorm2d, conv: nn.Conv2d) -> Tensor:
    """Return `conv(relu(norm(x)))`, and keep for its gradient nothing but `x`.

    Args:
        x: batch of feature maps.
        norm: whose running statistics are written, as by a call of it.
        conv: with zeros around.

    >>> norm_relu_conv(torch.zeros(2, 16, 4, 4), nn.BatchNorm2d(16), nn.Conv2d(16, 8, 3)).shape
    torch.Size([2, 8, 2, 2])
    """
    if not fits(x, norm) or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        answer: Tensor = conv(norm_relu(x, norm))
        return answer
    answer = NormReLUConv.apply(x, norm.weight, norm.bias, conv.weight, conv.bias, norm, conv)  # type: ignore[no-untyped-call]
    return answer


class NormReLU(torch.autograd.Function):
    """The kernels and their gradient."""

    @staticmethod
    def forward(
        context: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        carried: Tensor | None,
        norm: nn.BatchNorm2d,
        relu: bool,
    ) -> Tensor:
        carried = None if carried is None else carried.contiguous(memory_format=torch.channels_last)
        statistics = measured(x, norm)
        y = applied(x, carried, weight, bias, statistics, relu=relu)
        # With an addition the ReLU is known by its output alone, which the next layer keeps too.
        context.save_for_backward(x, None if carried is None else y, weight, bias, *statistics)
        context.relu = relu
        return y

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, y, weight, bias, *statistics = context.saved_tensors
        of_x, of_weight, of_bias, of_carried = gradients(
            gradient, x, y, weight, bias, tuple(statistics), relu=context.relu
        )
        return of_x, of_weight, of_bias, of_carried if y is not None else None, None, None


class NormReLUConv(torch.autograd.Function):
    """The kernels and a convolution, whose input is computed again for its gradient."""

    @staticmethod
    def forward(
        context: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        kernel: Tensor,
        offset: Tensor | None,
        norm: nn.BatchNorm2d,
        conv: nn.Conv2d,
    ) -> Tensor:
        statistics = measured(x, norm)
        y = applied(x, None, weight, bias, statistics, relu=True)
        context.save_for_backward(x, weight, bias, kernel, *statistics)
        context.conv, context.plan = conv, plan_of(y, conv)
        return convolved(y, kernel.to(x.dtype), offset, conv, context.plan)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, kernel, *statistics = context.saved_tensors
        conv, before = context.conv, tuple(statistics)
        y = applied(x, None, weight, bias, before, relu=True)
        of_y, of_kernel, of_offset = convolution_gradients(
            gradient,
            y,
            kernel.to(x.dtype),
            conv,
            context.plan,
            wanted=(True, kernel.requires_grad, context.needs_input_grad[4]),
        )
        assert of_y is not None
        del y
        of_x, of_weight, of_bias, _ = gradients(of_y, x, None, weight, bias, before, relu=True)
        return of_x, of_weight, of_bias, of_kernel, of_offset, None, None
