"""The kernels as functions of tensors."""

import ctypes
from typing import Any, Final

import torch
from torch import Tensor, nn

from residua.training.kernels.compiled import kernels, pools, tiles

NAMES: Final = {torch.bfloat16: "bfloat16", torch.float32: "float32"}
LANES: Final = 16
"""Channels that a kernel takes at a time."""
SMALL: Final = 2**15
"""Numbers for which another thread is not worth waking."""

Statistics = tuple[Tensor, Tensor]
"""Of each channel of a batch: the mean, and 1 over the deviation."""


def fits(x: Tensor, norm: nn.BatchNorm2d) -> bool:
    """Return whether the kernels can take it: a training norm, channels last, in bfloat16 or float32, on a CPU.

    >>> fits(torch.zeros(2, 3, 4, 4), nn.BatchNorm2d(3))  # 3 channels are no multiple of 16
    False
    """
    statistics = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return (
        x.device.type == "cpu"
        and x.dtype in NAMES
        and x.ndim == 4
        and x.shape[1] % LANES == 0
        and x.numel() > x.shape[1]
        and x.is_contiguous(memory_format=torch.channels_last)
        and norm.training
        and norm.momentum is not None
        and all(each is not None and each.dtype == torch.float32 for each in statistics)
        and kernels() is not None
    )


def measured(x: Tensor, norm: nn.BatchNorm2d) -> Statistics:
    """Return the statistics of a batch, and write the running ones of the norm."""
    assert norm.running_mean is not None
    mean, inverse = torch.empty_like(norm.running_mean), torch.empty_like(norm.running_mean)
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    call(
        f"measure_{NAMES[x.dtype]}",
        x,
        norm.running_mean,
        norm.running_var,
        ctypes.c_float(norm.momentum or 0.0),
        ctypes.c_float(norm.eps),
        mean,
        inverse,
        *extent(x),
    )
    return mean, inverse


def applied(
    x: Tensor, carried: Tensor | None, weight: Tensor, bias: Tensor, statistics: Statistics, *, relu: bool
) -> Tensor:
    """Return the norm of a batch with these statistics, plus what is carried, and the ReLU of it."""
    y = torch.empty_like(x)
    call(
        f"apply_{form(x, adds=carried is not None, relu=relu)}",
        *(x, carried, weight, bias, *statistics, y, *extent(x)),
    )
    return y


def gradients(
    gradient: Tensor,
    x: Tensor,
    y: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    statistics: Statistics,
    *,
    relu: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Return the gradients of a batch, of weight and bias, and of what was carried.

    Args:
        gradient: of what `applied` gave.
        x: the batch.
        y: what `applied` gave, if something was carried; without, it is computed again.
        weight: of the norm.
        bias: of the norm.
        statistics: of the batch.
        relu: whether there was one.
    """
    gradient = gradient.to(x.dtype).contiguous(memory_format=torch.channels_last)
    of_x, of_weight, of_bias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
    of_carried = torch.empty_like(x) if y is not None and relu else None
    call(
        f"backward_{form(x, adds=y is not None, relu=relu)}",
        *(x, y, gradient, weight, bias, *statistics, of_x, of_carried, of_weight, of_bias, *extent(x)),
    )
    return of_x, of_weight, of_bias, gradient if of_carried is None else of_carried


def pooled(x: Tensor) -> Tensor:
    """Return the largest of each two by two pixels."""
    batch, channels, height, width = x.shape
    y = torch.empty_like(x[:, :, : height // 2, : width // 2], memory_format=torch.channels_last)
    pool("pool", x, y, sizes=(batch, height, width, channels))
    return y


def pooled_gradient(gradient: Tensor, x: Tensor) -> Tensor:
    """Return the gradient of what `pooled` took: it goes where the largest was."""
    gradient = gradient.to(x.dtype).contiguous(memory_format=torch.channels_last)
    batch, channels, height, width = x.shape
    of_x = torch.empty_like(x)
    pool("pool_backward", x, gradient, of_x, sizes=(batch, height, width, channels))
    return of_x


def pool(name: str, *tensors: Tensor, sizes: tuple[int, ...]) -> None:
    """Call a kernel of pooling."""
    library, x = pools(), tensors[0]
    assert library is not None
    library[f"{name}_{NAMES[x.dtype]}"](
        *(ctypes.c_void_p(each.data_ptr()) for each in tensors),
        *(ctypes.c_int64(each) for each in sizes),
        threads_for(x),
    )


def weight_gradient(gradient: Tensor, x: Tensor, size: int) -> Tensor:
    """Return the gradient of a convolution's weights, in float32 and channels last.

    Args:
        gradient: of the output, bfloat16 and channels last, as `x` is.
        x: the input, of the same height and width.
        size: of the kernel, odd; so many zeros lie around that the pixels stay as many.
    """
    library = tiles()
    assert library is not None
    # Its memory is read by the address: rows of channels one behind another.
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in (gradient, x))
    (batch, carried, height, width), learned = x.shape, gradient.shape[1]
    found = torch.empty((learned, size, size, carried), dtype=torch.float32)
    sizes = (batch, height, width, carried, learned, size)
    library.weight_gradient(
        *(ctypes.c_void_p(each.data_ptr()) for each in (x, gradient, found)),
        *(ctypes.c_int64(each) for each in sizes),
        threads_for(x),
    )
    return found.permute(0, 3, 1, 2)


def form(x: Tensor, *, adds: bool, relu: bool) -> str:
    """Return the name of a kernel's form.

    >>> form(torch.zeros(1), adds=True, relu=True)
    'norm_sum_relu_float32'
    """
    return "_".join(("norm", *["sum"] * adds, *["relu"] * relu, NAMES[x.dtype]))


def extent(x: Tensor) -> tuple[ctypes.c_int64, ctypes.c_int64, int]:
    """Return rows, channels, and how many threads they are worth."""
    channels = x.shape[1]
    return ctypes.c_int64(x.numel() // channels), ctypes.c_int64(channels), threads_for(x)


def threads_for(x: Tensor) -> int:
    """Return how many threads a batch is worth."""
    return min(torch.get_num_threads(), 1 + x.numel() // SMALL)


def call(name: str, *arguments: Any) -> None:
    """Call a kernel; tensors go by their address."""
    library = kernels()
    assert library is not None
    library[name](*(ctypes.c_void_p(a.data_ptr()) if isinstance(a, Tensor) else a for a in arguments))
