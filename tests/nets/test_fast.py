"""The network that is quick to train: where it halves its images, and what its stem begins with."""

import pytest
import torch
from torch import Tensor, nn

from residua import FastSpec, build
from residua.errors import BadSpec
from residua.nets.fast import whiten
from residua.parts import joins


def striped(count: int, channels: int = 3) -> Tensor:
    """Return noise over strong stripes, so that one direction of the patches is far above the others."""
    torch.manual_seed(0)
    stripes = torch.sin(torch.arange(16.0)).expand(count, channels, 16, 16)
    return 5 * stripes * torch.randn(count, 1, 1, 1) + 0.1 * torch.randn(count, channels, 16, 16)


def test_every_stage_halves_the_images_before_its_residual_blocks() -> None:
    network = build(FastSpec(depths=(2, 1), widths=(8, 16), classes=5))
    sides = []
    for _, join in joins(network):
        join.register_forward_hook(lambda _, inputs, output: sides.append(output.shape[-1]))
    assert network(torch.randn(2, 3, 32, 32)).shape == (2, 5)
    assert sides == [16, 16, 8]


def test_what_a_whitened_stem_gives_is_uncorrelated_and_of_one_variance() -> None:
    images = striped(200)
    conv = nn.Conv2d(3, 12, 3, stride=2, bias=False)
    whiten(conv, images)
    seen = conv(images).detach()
    first = seen[:, :6].transpose(0, 1).flatten(1)
    moments = first @ first.T / first.shape[1]
    # 5e-4 is added to every variance; the noise has 0.01.
    torch.testing.assert_close(moments, torch.eye(6), atol=0.06, rtol=0)
    assert torch.equal(conv.weight[:6], -conv.weight[6:])


def test_the_first_direction_is_the_one_in_which_patches_vary_most() -> None:
    images = striped(200, channels=1)
    conv = nn.Conv2d(1, 2, 3, bias=False)
    whiten(conv, images)
    columns = conv.weight[0, 0].detach()
    assert (
        columns - columns.mean(0)
    ).abs().max() < 0.02 * columns.abs().max()  # the same in every row: a stripe


def test_outputs_beyond_all_directions_keep_their_weights() -> None:
    conv = nn.Conv2d(1, 24, 3, bias=False)
    before = conv.weight.detach().clone()
    whiten(conv, striped(20, channels=1))
    assert torch.equal(conv.weight[18:], before[18:])
    assert not (conv.weight[:18] == before[:18]).any()


def test_a_flat_picture_gives_no_endless_weights() -> None:
    conv = nn.Conv2d(3, 8, 3, bias=False)
    whiten(conv, torch.zeros(4, 3, 8, 8))
    assert conv.weight.isfinite().all()


def test_every_stage_has_a_depth_and_a_width() -> None:
    with pytest.raises(BadSpec, match="give one of each for every stage"):
        FastSpec(depths=(1, 1), widths=(8, 16, 32))
