from typing import get_args

import pytest
import torch
from torch import nn

from residua.errors import BadSpec
from residua.parts import Chain, PadChannels, Shortcut, shortcut


@pytest.mark.parametrize("option", ["A", "B"])
def test_where_nothing_changes_a_and_b_are_the_identity(option: Shortcut) -> None:
    assert isinstance(shortcut(option, 8, 8, stride=1, norm="batch"), nn.Identity)


@pytest.mark.parametrize(("stride", "learned"), [(1, 8), (2, 8), (1, 16)])
def test_c_projects_everywhere(stride: int, learned: int) -> None:
    carry = shortcut("C", 8, learned, stride=stride, norm="batch")
    assert isinstance(carry, Chain)
    assert carry["conv"].weight.shape == (learned, 8, 1, 1)


@pytest.mark.parametrize("option", get_args(Shortcut))
@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 1)])
def test_every_option_gives_the_shape_of_a_branch(option: Shortcut, size: tuple[int, int]) -> None:
    x = torch.randn(2, 8, *size)
    branch = nn.Conv2d(8, 16, 3, stride=2, padding=1)
    assert shortcut(option, 8, 16, stride=2, norm="batch")(x).shape == branch(x).shape


def test_a_has_no_parameters_and_b_has_those_of_its_projection() -> None:
    count = {
        norm: sum(p.numel() for p in shortcut("B", 8, 16, stride=2, norm=norm).parameters())
        for norm in ("none", "batch")
    }
    assert count == {"none": 8 * 16, "batch": 8 * 16 + 2 * 16}
    assert list(shortcut("A", 8, 16, stride=2, norm="batch").parameters()) == []


def test_a_takes_every_second_pixel_and_frames_the_channels_with_zeros() -> None:
    x = torch.randn(2, 4, 6, 6)
    carried = PadChannels(4, 9, stride=2)(x)
    assert torch.equal(carried[:, 2:6], x[:, :, ::2, ::2])
    assert not carried[:, :2].any()
    assert not carried[:, 6:].any()
    assert carried.shape == (2, 9, 3, 3)


def test_a_at_stride_1_only_widens() -> None:
    x = torch.randn(1, 2, 3, 3)
    assert torch.equal(PadChannels(2, 4, stride=1)(x)[:, 1:3], x)


def test_a_cannot_take_channels_away() -> None:
    with pytest.raises(BadSpec, match=r"from 16 channels to 8; it can only add channels. Take B"):
        shortcut("A", 16, 8, stride=2, norm="batch")
