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
