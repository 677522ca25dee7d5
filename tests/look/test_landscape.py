"""The loss around the weights: right where it is known, and the weights stay where they are."""

import math

import pytest
import torch
from torch import nn

from residua.look import filter_normalised, local_minima, roughness, slice_along, surface
from tests.look.models import batch, small


def test_filters_keep_their_norm_and_norms_stay() -> None:
    model = small()
    direction = filter_normalised(model, torch.Generator().manual_seed(0))
    weights = dict(model.named_parameters())
    assert set(direction) == set(weights)
    for name, weight in weights.items():
        if weight.ndim <= 1:
            assert not direction[name].any()
        else:
            assert torch.allclose(direction[name].flatten(1).norm(dim=1), weight.flatten(1).norm(dim=1))


def test_the_middle_of_a_slice_is_the_loss_of_the_model() -> None:
    model = small().train()
    direction = filter_normalised(model, torch.Generator().manual_seed(0))
    images, labels = batch()
    losses = slice_along(model, (images, labels), direction, [-1, 0, 1])
    assert losses[1] == pytest.approx(nn.functional.cross_entropy(model(images), labels).item(), rel=1e-6)
    assert losses[0] != losses[1]


def test_a_bowl_is_drawn_as_a_bowl() -> None:
    model = nn.Linear(2, 1, bias=False)
    ones = {"weight": torch.ones(1, 2)}
    examples = torch.eye(2), torch.zeros(2, 1)
    model.weight.data.zero_()
    grid = surface(model, examples, (ones, ones), [-1, 0, 1], loss=lambda y, t: (y - t).square().mean())
    assert [list(row) for row in grid] == [[4, 1, 0], [1, 0, 1], [0, 1, 4]]


def test_roughness_and_minima() -> None:
    valley = [abs(x / 10) for x in range(-20, 21)]
    hills = [abs(x / 10) + 0.5 * math.sin(x) ** 2 for x in range(-20, 21)]
    assert roughness(valley) == pytest.approx(1)
    assert roughness(hills) > 1.2
    assert local_minima(valley) == 1
    assert local_minima(hills) > 3
    assert math.isnan(roughness([1.0, 1.0, 1.0]))
