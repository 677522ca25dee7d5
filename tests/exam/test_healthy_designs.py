"""Designs of others: a mean over many places, shortcuts past long blocks, and a norm with its activation inside."""

from typing import get_args

import pytest
import torch
from torch import nn

from residua.exam import Depth, diagnose, observe
from residua.exam.features import shortened
from residua.look import Examples
from residua.parts import Concat, Sum
from tests.exam.nets import batch


def large_pictures(side: int) -> Examples:
    """Return noise of four shades."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(16) % 4
    shades = torch.randn(4, 3, 1, 1, generator=generator)
    return torch.randn(16, 3, side, side, generator=generator) + shades[labels], labels


def pooled(layers: int, *, norm: bool) -> nn.Sequential:
    """Return convolutions that keep the size, and a mean over all places before the head."""
    torch.manual_seed(0)
    parts: list[nn.Module] = []
    for place in range(layers):
        parts.append(nn.Conv2d(8 if place else 3, 8, 3, padding=1))
        parts += [nn.BatchNorm2d(8)] if norm else []
        parts.append(nn.ReLU())
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("side", [96, 224])
def test_a_mean_over_many_places_is_no_vanishing_gradient(side: int, norm: bool) -> None:
    found = diagnose(pooled(3, norm=norm), large_pictures(side), depth="still")
    assert found.causes == ()
    assert found.verdict == "trains" or not norm
    places = [layer.places for layer in found.seen.weighted]
    assert places == [side**2] * 3 + [1]


def test_a_gradient_that_moves_no_weights_has_vanished_on_large_pictures_too() -> None:
    torch.manual_seed(0)
    parts = [layer for _ in range(10) for layer in (nn.Conv2d(8, 8, 3, padding=1), nn.Sigmoid())]
    model = nn.Sequential(nn.Conv2d(3, 8, 1), *parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    for depth in get_args(Depth):
        found = diagnose(model, large_pictures(96), depth=depth)
        assert "gradient vanishes" in {cause.name for cause in found.causes}
        assert found.verdict != "trains"


def long_block(width: int) -> nn.Sequential:
    """Return a block of six layers with weights, as those with squeeze and excitation have."""
    layers = [
        layer for _ in range(6) for layer in (nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU())
    ]
    return nn.Sequential(*layers)


@pytest.mark.parametrize("join", [Sum, Concat])
def test_shortcuts_past_long_blocks_are_shortcuts(join: type[Sum] | type[Concat]) -> None:
    torch.manual_seed(0)
    widths = [8, 8, 8] if join is Sum else [8, 16, 32]
    blocks = [join(long_block(width)) for width in widths]
    last = 8 if join is Sum else 64
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, 4)
    )
    seen = observe(model, batch(), loss=nn.functional.cross_entropy, optimizer=None)
    assert (seen.wiring.shortest, seen.depth) == (2, 20)
    assert shortened(seen)


def test_one_shortcut_of_many_layers_does_not_make_a_network_short() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(*(nn.Conv2d(8, 8, 1) for _ in range(12)))
    model = nn.Sequential(nn.Conv2d(1, 8, 3), Sum(nn.Conv2d(8, 8, 1)), plain, nn.Flatten(), nn.Linear(288, 4))
    seen = observe(model, batch(), loss=nn.functional.cross_entropy, optimizer=None)
    assert (seen.wiring.shortest, seen.depth, shortened(seen)) == (14, 15, False)


class NormAct(nn.BatchNorm2d):
    """A norm with its activation inside, as others write it."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        given: torch.Tensor = self.act(super().forward(x))
        return given


@pytest.mark.parametrize("samples", [2, 64])
def test_a_norm_with_its_activation_inside_is_a_norm(samples: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 8), NormAct(8), nn.Conv2d(8, 8, 1), NormAct(8), nn.Flatten(), nn.Linear(8, 4))
    )
    inputs, targets = batch()
    found = diagnose(model, (inputs[:samples], targets[:samples]), depth="still")
    named = {cause.name for cause in found.causes}
    assert ("batch too small for its norm" in named) == (samples == 2)
    assert [norm.values for norm in found.seen.norms] == [samples, samples]
