"""The kernels beside PyTorch in float64, on fresh random numbers each time."""

import pytest
import torch
from torch import Tensor, nn

from residua.training.kernels import kernels
from residua.training.kernels.calls import fits
from residua.training.kernels.norm_relu import norm_relu, norm_relu_conv

needs_compiler = pytest.mark.skipif(kernels() is None, reason="there is no C++ compiler here")
CLOSE = {torch.float32: 1e-4, torch.bfloat16: 1e-2}
"""Largest difference, relative to the largest number: of bfloat16 half a unit in the last place, three times."""


def features(*shape: int, dtype: torch.dtype) -> Tensor:
    """Return numbers far from zero, channels last."""
    batch = 2 * torch.randn(shape) + torch.randn(1, shape[1], 1, 1) * 5
    return batch.to(dtype).to(memory_format=torch.channels_last)


def norms(channels: int) -> tuple[nn.BatchNorm2d, nn.BatchNorm2d]:
    """Return a norm, and the same in float64."""
    norm, exact = nn.BatchNorm2d(channels, momentum=0.3), nn.BatchNorm2d(channels, momentum=0.3).double()
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    exact.load_state_dict(norm.state_dict())
    return norm, exact


def differences(ours: list[Tensor], exact: list[Tensor]) -> list[float]:
    """Return the largest difference of each, relative to its largest number."""
    return [
        (
            (mine.detach().double() - theirs.detach()).abs().max()
            / theirs.detach().abs().max().clamp_min(1e-9)
        ).item()
        for mine, theirs in zip(ours, exact, strict=True)
    ]


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("adds, relu", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("shape", [(2, 16, 3, 5), (3, 48, 17, 9), (5, 64, 23, 23), (2, 512, 2, 1)])
def test_values_gradients_and_statistics_are_those_of_float64(
    shape: tuple[int, ...], adds: bool, relu: bool, dtype: torch.dtype
) -> None:
    x, carried, gradient = (features(*shape, dtype=dtype) for _ in range(3))
    found: list[list[Tensor]] = []
    norm, exact = norms(shape[1])
    for of, kind in ((exact, torch.float64), (norm, dtype)):
        assert fits(x.to(kind), of) == (of is norm)
        read, leg = (tensor.to(kind).requires_grad_() for tensor in (x, carried))
        y = norm_relu(read, of, carried=leg if adds else None, relu=relu)
        if of is exact:  # where a sum is nearly zero, rounding decides on which side of the ReLU it is
            gradient = torch.where((y > 0) & (y < 1e-3), 0, gradient)
        wanted = [read, of.weight, of.bias, *[leg] * adds]
        assert of.running_mean is not None
        assert of.running_var is not None
        statistics = [of.running_mean, of.running_var]
        found.append([y, *torch.autograd.grad(y, wanted, gradient.to(kind)), *statistics])
    theirs, ours = found
    assert max(differences(ours, theirs)) < CLOSE[dtype]


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_convolution_behind_them_has_the_gradients_of_float64(dtype: torch.dtype) -> None:
    conv = nn.Conv2d(32, 24, 3, stride=2, padding=1, groups=2).to(memory_format=torch.channels_last)
    exact = nn.Conv2d(32, 24, 3, stride=2, padding=1, groups=2).double()
    exact.load_state_dict(conv.state_dict())
    x = features(4, 32, 9, 9, dtype=dtype)
    gradient = torch.randn(4, 24, 5, 5)
    found = []
    for norm, behind, kind in zip(norms(32), (conv, exact), (dtype, torch.float64), strict=True):
        read = x.to(kind).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=kind is torch.bfloat16):
            y = norm_relu_conv(read, norm, behind)
        wanted = [read, norm.weight, norm.bias, behind.weight, behind.bias]
        found.append([y, *torch.autograd.grad(y, wanted, gradient.to(kind))])
    assert max(differences(*found)) < 2 * CLOSE[dtype]


@needs_compiler
def test_what_is_not_a_number_stays_so() -> None:
    x = features(2, 16, 3, 3, dtype=torch.bfloat16)
    x[0, 3, 0, 0] = float("nan")
    y = norm_relu(x, nn.BatchNorm2d(16))
    assert y[:, 3].isnan().all()
    assert not y[:, 4].isnan().any()


@needs_compiler
def test_the_same_threads_give_the_same_bits_and_others_nearly_the_same() -> None:
    x = features(8, 48, 33, 31, dtype=torch.float32)
    before = torch.get_num_threads()
    answers = []
    try:
        for threads in (1, 1, 3, 3):
            torch.set_num_threads(threads)
            answers.append(norm_relu(x, nn.BatchNorm2d(48)))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(answers[0], answers[1])
    assert torch.equal(answers[2], answers[3])
    torch.testing.assert_close(answers[0], answers[2])


@pytest.mark.parametrize(
    "x, norm",
    [
        (torch.randn(2, 12, 4, 4), nn.BatchNorm2d(12)),
        (torch.randn(2, 16, 4, 4), nn.BatchNorm2d(16)),  # channels first
        (features(2, 16, 4, 4, dtype=torch.float32), nn.BatchNorm2d(16).eval()),
        (features(2, 16, 4, 4, dtype=torch.float32), nn.BatchNorm2d(16, affine=False)),
        (features(2, 16, 4, 4, dtype=torch.float32), nn.BatchNorm2d(16, track_running_stats=False)),
    ],
)
def test_what_they_cannot_take_goes_to_pytorch(x: Tensor, norm: nn.BatchNorm2d) -> None:
    assert not fits(x, norm)
    assert torch.equal(norm_relu(x, norm), torch.relu(norm(x)))
