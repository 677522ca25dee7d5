import pytest
import torch
from torch import nn

from residua.parts import activation, convolution, normalisation


@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize("size", [(8, 8), (5, 9)])
def test_a_convolution_keeps_the_size_and_at_stride_2_halves_it_rounding_up(
    kernel: int, size: tuple[int, int]
) -> None:
    x = torch.zeros(1, 4, *size)
    assert convolution(4, 2, kernel=kernel)(x).shape[2:] == size
    halved = tuple((side + 1) // 2 for side in size)
    assert convolution(4, 2, kernel=kernel, stride=2)(x).shape[2:] == halved


def test_a_convolution_has_a_bias_only_when_asked_for() -> None:
    assert convolution(4, 4).bias is None
    assert convolution(4, 4, bias=True).bias is not None
    assert convolution(8, 8, groups=4).weight.shape == (8, 2, 3, 3)


@pytest.mark.parametrize(
    ("channels", "groups"), [(64, 32), (48, 16), (32, 16), (16, 8), (12, 4), (7, 1), (2, 1)]
)
def test_groups_divide_the_channels_and_hold_two_or_more(channels: int, groups: int) -> None:
    norm = normalisation("group", channels)
    assert isinstance(norm, nn.GroupNorm)
    assert norm.num_groups == groups


def test_no_norm_is_the_identity_and_a_batch_norm_is_pytorchs() -> None:
    assert isinstance(normalisation("none", 8), nn.Identity)
    assert isinstance(normalisation("batch", 8), nn.BatchNorm2d)


def test_an_activation_leaves_its_input_alone() -> None:
    x = torch.tensor([-1.0, 2.0])
    assert activation()(x).tolist() == [0.0, 2.0]
    assert x.tolist() == [-1.0, 2.0]


@pytest.mark.parametrize("carried", [1, 2, 3, 4, 7, 12, 15, 16, 20])
@pytest.mark.parametrize("learned", [3, 8, 64])
def test_a_strided_projection_learns_the_same_with_channels_last(carried: int, learned: int) -> None:
    """Of few channels oneDNN's own gradient is wrong there, or ends the process."""
    conv = convolution(carried, learned, kernel=1, stride=2)
    usual = nn.Conv2d(carried, learned, 1, stride=2, bias=False)
    usual.load_state_dict(conv.state_dict())
    x, last = torch.randn(8, carried, 16, 16), torch.channels_last
    gradient = torch.randn(8, learned, 8, 8)
    answer, expected = conv(x.contiguous(memory_format=last)), usual(x)
    answer.backward(gradient.contiguous(memory_format=last))
    expected.backward(gradient)
    torch.testing.assert_close(answer, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(conv.weight.grad, usual.weight.grad, rtol=1e-4, atol=1e-4)
