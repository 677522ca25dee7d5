"""What is ours alone, beside PyTorch's norms and optimisers and Pillow's resize, and the rate of the convolutions.

    OMP_NUM_THREADS=1 taskset -c 1 python -m benchmarks.speed.kernels

Milliseconds are the least of several turns: what else runs on the machine only adds to them.
"""

import time
from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import nn

from residua.data.resampling import resampled
from residua.optim.one_pass import SGD, AdamW
from residua.training.kernels.convolution import of_weights, plan_of
from residua.training.kernels.norm_relu import norm_relu
from residua.training.processor import has_bfloat16, keep_memory

LAST: Final = torch.channels_last
NORMS: Final = ((128, 16, 32), (128, 32, 16), (128, 64, 8), (16, 256, 32), (16, 512, 16))
CONVOLUTIONS: Final = (
    (128, 16, 32, 16, 3),
    (128, 64, 8, 64, 3),
    (16, 64, 32, 64, 3),
    (16, 256, 32, 64, 1),
    (16, 512, 4, 512, 3),
    (16, 2048, 4, 512, 1),
    (8, 64, 128, 16, 3),
)
PICTURES: Final = ((375, 500, 224, 224), (1500, 2000, 448, 597))


def milliseconds(work: Callable[[], object], *, turns: int = 20) -> float:
    """Return the least time of a call, after one that does not count."""
    work()
    taken = []
    for _ in range(turns):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return 1e3 * min(taken)


def random(*shape: int) -> torch.Tensor:
    """Return noise with its channels last."""
    return torch.randn(*shape).contiguous(memory_format=LAST)


def norms() -> None:
    """Compare a norm with its ReLU, there and back, in float32."""
    for batch, channels, side in NORMS:
        norm = nn.BatchNorm2d(channels)
        x, gradient = (random(batch, channels, side, side) for _ in range(2))
        x.requires_grad_()
        ours = milliseconds(lambda x=x, norm=norm, g=gradient: torch.autograd.grad(norm_relu(x, norm), x, g))
        theirs = milliseconds(
            lambda x=x, norm=norm, g=gradient: torch.autograd.grad(torch.relu(norm(x)), x, g)
        )
        print(f"norm and ReLU, {batch} × {channels} × {side}: {ours:.2f} ms, PyTorch {theirs:.2f}")


def optimisers() -> None:
    """Compare a step over ten kernels whose channels lie together."""
    for name, ours, theirs, settings in (
        ("SGD", SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        ("AdamW", AdamW, torch.optim.AdamW, {"lr": 1e-3}),
    ):
        taken = []
        for kind in (ours, theirs):
            weights = [nn.Parameter(random(256, 256, 3, 3)) for _ in range(10)]
            for weight in weights:
                weight.grad = random(256, 256, 3, 3)
            optimizer = kind(weights, fused=True, **settings)
            taken.append(milliseconds(optimizer.step))
        print(f"{name} of 10 × 256 × 256 × 3 × 3: {taken[0]:.2f} ms, PyTorch fused {taken[1]:.2f}")


def pictures() -> None:
    """Compare a resize."""
    for height, width, high, wide in PICTURES:
        pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        ours = milliseconds(lambda pixels=pixels, size=(high, wide): resampled(pixels, size))
        image = Image.fromarray(pixels)
        theirs = milliseconds(
            lambda image=image, size=(wide, high): image.resize(size, Image.Resampling.BILINEAR)
        )
        print(f"{width} × {height} to {wide} × {high}: {ours:.2f} ms, Pillow {theirs:.2f}")


def convolutions(dtype: torch.dtype) -> None:
    """Print the rate of a convolution: forward, the gradient of its weights, and that by the kernel of our own."""
    for batch, carried, side, learned, kernel in CONVOLUTIONS:
        x, weight = (
            random(*shape).to(dtype)
            for shape in ((batch, carried, side, side), (learned, carried, kernel, kernel))
        )
        gradient, pad = random(batch, learned, side, side).to(dtype), kernel // 2
        rest = (None, [1, 1], [pad, pad], [1, 1], False, [0, 0], 1, [False, True, False])
        work = 2e-6 * batch * side**2 * carried * learned * kernel**2
        forward = milliseconds(lambda x=x, w=weight, pad=pad: torch.conv2d(x, w, None, 1, pad))
        back = milliseconds(
            lambda g=gradient, x=x, w=weight, rest=rest: torch.ops.aten.convolution_backward(g, x, w, *rest)
        )
        conv = nn.Conv2d(carried, learned, kernel, padding=pad)
        ours = ""
        if (plan := plan_of(x, conv)) is not None:
            taken = milliseconds(lambda g=gradient, x=x, plan=plan: of_weights(g, x, plan))
            ours = f", ours {work / taken:.0f}"
        print(
            f"convolution in {dtype}, {batch} × {carried} × {side} to {learned}, {kernel} × {kernel}: "
            f"{work / forward:.0f} GFLOP/s, weights {work / back:.0f}{ours}"
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    keep_memory()
    norms()
    optimisers()
    pictures()
    convolutions(torch.float32)
    if has_bfloat16(torch.device("cpu")):
        convolutions(torch.bfloat16)
