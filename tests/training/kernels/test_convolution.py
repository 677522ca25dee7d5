"""Convolutions by tiles and by products beside PyTorch in float64, on fresh random numbers each time."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.nets.build import build
from residua.training.kernels import together
from residua.training.kernels.calls import weight_gradient
from residua.training.kernels.compiled import tiles
from residua.training.kernels.convolution import Plan, convolution, plan_of
from residua.training.kernels.seen import put_back, seen, window_of

needs_tiles = pytest.mark.skipif(
    tiles() is None, reason="the processor has no tiles (AMX), or there is no compiler"
)


def features(*shape: int) -> Tensor:
    """Return numbers of a spread of their own in each channel, in bfloat16, channels last."""
    numbers = torch.randn(shape) * (0.5 + torch.rand(1, shape[1], 1, 1))
    return numbers.bfloat16().to(memory_format=torch.channels_last)


def far(found: Tensor, exact: Tensor) -> float:
    """Return how far numbers are from the exact ones, beside their length."""
    return ((found.double() - exact).norm() / exact.norm()).item()


CASES = {
    "one pixel": ((2, 32, 9, 7), nn.Conv2d(32, 48, 1)),
    "one pixel, strided": ((3, 16, 9, 8), nn.Conv2d(16, 64, 1, stride=2, bias=False)),
    "three pixels": ((2, 48, 13, 9), nn.Conv2d(48, 16, 3, padding=1, bias=False)),
    "three pixels, pairs of channels": ((3, 64, 8, 8), nn.Conv2d(64, 96, 3, padding=1)),
    "more than is arranged at a time": ((9, 16, 40, 40), nn.Conv2d(16, 32, 3, padding=1, bias=False)),
    "five pixels": ((2, 16, 11, 6), nn.Conv2d(16, 16, 5, padding=2)),
    "few pixels, many weights": ((4, 256, 4, 3), nn.Conv2d(256, 256, 3, padding=1)),
    "strided, few pixels": ((2, 32, 15, 12), nn.Conv2d(32, 16, 3, stride=2, padding=1)),
    "strided, many pixels": ((5, 16, 40, 40), nn.Conv2d(16, 16, 3, stride=2, padding=1, bias=False)),
    "fewer pixels than threads": ((1, 4096, 4, 4), nn.Conv2d(4096, 16, 1, bias=False)),
    "strided to one row": ((4, 64, 1, 32), nn.Conv2d(64, 32, 1, stride=2, bias=False)),
    "strided to one pixel": ((8, 64, 2, 2), nn.Conv2d(64, 32, 1, stride=2)),
    "windows that overlap in one column": ((1, 16, 9, 3), nn.Conv2d(16, 16, 3)),
    "a kernel larger than the picture": ((3, 16, 1, 5), nn.Conv2d(16, 32, 5, padding=2)),
    "no border": ((2, 16, 9, 9), nn.Conv2d(16, 16, 3)),
}


@needs_tiles
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_float64(name: str) -> None:
    shape, conv = CASES[name]
    conv = conv.to(memory_format=torch.channels_last)
    x = features(*shape)
    read, exact_read = x.clone().requires_grad_(), x.double().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = convolution(read, conv)
    weight, bias = conv.weight.detach().bfloat16().double().requires_grad_(), conv.bias
    exact = F.conv2d(exact_read, weight, bias if bias is None else bias.double(), conv.stride, conv.padding)
    assert y.dtype == torch.bfloat16
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert far(y, exact) < 4e-3
    gradient = features(*y.shape)
    found = torch.autograd.grad(y, [read, *conv.parameters()], gradient)
    wanted = torch.autograd.grad(exact, [exact_read, weight], gradient.double())
    for mine, theirs in zip(found, wanted, strict=False):
        assert far(mine, theirs) < 4e-3
    assert found[1].dtype == torch.float32
    if bias is not None:
        assert far(found[2], gradient.double().sum((0, 2, 3))) < 4e-3


@needs_tiles
def test_the_cases_take_every_way() -> None:
    plans = [plan_of(features(*shape), conv) for shape, conv in CASES.values()]
    ways = {(plan.product, plan.direct, plan.tiles) for plan in plans if isinstance(plan, Plan)}
    by_product, as_they_lie, laid_side_by_side = (
        (True, False, True),
        (False, True, True),
        (False, False, True),
    )
    assert ways == {by_product, as_they_lie, laid_side_by_side, (False, False, False)}


@needs_tiles
@pytest.mark.parametrize("size", [1, 3])
def test_a_batch_of_nothing_passes(size: int) -> None:
    conv, x = nn.Conv2d(16, 32, size, padding=size // 2), features(2, 16, 4, 4)[:0].requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = convolution(x, conv)
    y.sum().backward()
    assert y.shape == (0, 32, 4, 4)


@needs_tiles
def test_a_tall_picture_is_not_laid_side_by_side() -> None:
    plan = plan_of(features(1, 256, 64, 4), nn.Conv2d(256, 256, 3, padding=1))
    assert plan is not None
    assert not plan.product


@needs_tiles
def test_autocast_to_another_type_is_heeded() -> None:
    conv, x = nn.Conv2d(16, 32, 3), features(1, 16, 4, 4)
    with torch.autocast("cpu", torch.float16):
        assert convolution(x, conv).dtype == conv(x).dtype


@needs_tiles
def test_the_gradient_of_the_weights_is_not_rounded() -> None:
    x, gradient = features(4, 64, 12, 12), features(4, 32, 12, 12)
    exact = torch.nn.grad.conv2d_weight(x.double(), (32, 64, 3, 3), gradient.double(), padding=1)
    assert far(weight_gradient(gradient, x, 3), exact) < 1e-5


@needs_tiles
def test_the_same_number_of_threads_gives_the_same_bits() -> None:
    x, gradient = features(40, 16, 30, 30), features(40, 16, 30, 30)
    exact = torch.nn.grad.conv2d_weight(x.double(), (16, 16, 3, 3), gradient.double(), padding=1)
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            first, second = (weight_gradient(gradient, x, 3) for _ in range(2))
            assert torch.equal(first, second)
            assert far(first, exact) < 1e-5
    finally:
        torch.set_num_threads(threads)


@needs_tiles
def test_products_of_pytorch_in_between_change_nothing() -> None:
    # Both set what tiles look like, and neither may rely on how it left them.
    x, gradient, matrix = features(2, 32, 9, 9), features(2, 16, 9, 9), torch.randn(70, 50).bfloat16()
    before, product = weight_gradient(gradient, x, 3), matrix @ matrix.t()
    for _ in range(3):
        assert torch.equal(weight_gradient(gradient, x, 3), before)
        assert torch.equal(matrix @ matrix.t(), product)


@needs_tiles
@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("name", ["resnet8_cifar", "resnet50", "densenet121", "unet_resnet18", "resnetv2_18"])
def test_a_network_learns_as_near_to_float32_as_with_pytorch(name: str, side: int) -> None:
    torch.manual_seed(0)
    network = build(name, classes=10).to(memory_format=torch.channels_last)
    images = torch.randn(8, 3, side, side).to(memory_format=torch.channels_last)

    def gradients(run: object, *, amp: bool) -> Tensor:
        assert callable(run)
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            logits = run(images)
        torch.autograd.backward(
            (logits.float() * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum()
        )
        return torch.cat(
            [each.grad.flatten() for each in network.parameters() if each.grad is not None]
        ).double()

    exact = gradients(network, amp=False)
    assert far(gradients(together(network), amp=True), exact) < 1.5 * far(gradients(network, amp=True), exact)


@pytest.mark.parametrize(
    "size, stride, padding", [(1, 1, 0), (1, 2, 0), (3, 1, 1), (3, 2, 1), (2, 2, 0), (5, 3, 2)]
)
def test_what_is_seen_is_what_pytorch_unfolds_and_folds(size: int, stride: int, padding: int) -> None:
    x = torch.randn(2, 6, 9, 8).to(memory_format=torch.channels_last)
    window = window_of(x, nn.Conv2d(6, 4, size, stride=stride, padding=padding))
    found = seen(x, window)
    unfolded = F.unfold(x, size, stride=stride, padding=padding).view(2, 6, size * size, -1)
    assert torch.equal(found, unfolded.permute(0, 3, 2, 1).reshape(found.shape))
    rows = torch.randn_like(found)
    columns = rows.view(2, -1, size * size, 6).permute(0, 3, 2, 1).reshape(2, 6 * size * size, -1)
    exact = F.fold(columns, (9, 8), size, stride=stride, padding=padding)
    torch.testing.assert_close(put_back(rows, x, window), exact)


def test_what_does_not_fit_is_left_to_the_layer() -> None:
    conv = nn.Conv2d(16, 16, 3, padding=1, groups=2)
    assert plan_of(features(1, 16, 4, 4), conv) is None
    x = torch.randn(1, 16, 4, 4)
    assert torch.equal(convolution(x, conv), conv(x))
