"""Pooling by the kernels beside PyTorch's: the same numbers, to the bit."""

import pytest
import torch
from torch import Tensor, nn

from residua.training.kernels.compiled import pools
from residua.training.kernels.max_pool import fits, max_pool

needs_compiler = pytest.mark.skipif(pools() is None, reason="there is no C++ compiler here")


def pictures(*shape: int, dtype: torch.dtype) -> Tensor:
    """Return numbers of few values, so that many are equal, channels last."""
    return torch.randint(-3, 4, shape).to(dtype).to(memory_format=torch.channels_last)


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 16, 2, 2), (3, 48, 6, 10), (5, 64, 32, 4), (2, 32, 64, 64)])
def test_values_and_gradients_are_those_of_pytorch(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x, pool = pictures(*shape, dtype=dtype), nn.MaxPool2d(2, ceil_mode=True)
    assert fits(x, pool)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    found, exact = max_pool(ours, pool), pool(theirs)
    assert torch.equal(found, exact)
    assert found.is_contiguous(memory_format=torch.channels_last)
    gradient = torch.randn_like(exact)
    for y in (found, exact):
        y.backward(gradient)
    assert ours.grad is not None
    assert theirs.grad is not None
    assert torch.equal(ours.grad, theirs.grad)


@needs_compiler
def test_what_is_not_a_number_is_not_hidden() -> None:
    x = pictures(1, 16, 2, 2, dtype=torch.float32)
    x[0, 3, 0, 1] = float("nan")
    x.requires_grad_()
    y = max_pool(x, nn.MaxPool2d(2))
    y.sum().backward()
    assert y.isnan().nonzero().tolist() == [[0, 3, 0, 0]]
    assert x.grad is not None
    assert x.grad[0, 3].tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize(
    "pool",
    [nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2, stride=1), nn.MaxPool2d((2, 1)), nn.MaxPool2d(2, padding=1)],
)
def test_other_windows_are_left_to_pytorch(pool: nn.MaxPool2d) -> None:
    x = pictures(2, 16, 8, 8, dtype=torch.float32)
    assert not fits(x, pool)
    assert torch.equal(max_pool(x, pool), pool(x))
