"""The healthy band is that of this very network, layer by layer, and a sound one lies within or near it."""

import math

import torch
from torch import nn

from residua.exam import depths, healthy_bands, observe
from tests.exam.nets import batch, plain, residual, seeded


def test_a_layer_of_the_band_is_a_layer_of_the_network() -> None:
    model = seeded(residual)
    seen = observe(model, batch(), loss=nn.functional.cross_entropy, optimizer=None)
    bands = healthy_bands(model, batch())
    assert bands is not None
    own = depths(seen)
    for curve in ("signal", "gradient", "coherence"):
        low, high = getattr(bands.low, curve), getattr(bands.high, curve)
        assert len(low) == len(high) == len(getattr(own, curve)) == 5
        assert all(a <= b for a, b in zip(low, high, strict=True))


def test_a_signal_that_dies_lies_below_its_band() -> None:
    model = seeded(plain, 12, norm=False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.1)
    own = depths(observe(model, batch(), loss=nn.functional.cross_entropy, optimizer=None))
    bands = healthy_bands(model, batch())
    assert bands is not None
    assert own.signal[-2] < bands.low.signal[-2] * 1e-3
    assert "shortcuts" in bands.words


def test_the_model_is_left_as_it_was() -> None:
    model = seeded(plain)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    healthy_bands(model, batch())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert math.isfinite(sum(p.sum().item() for p in model.parameters()))


def test_without_layers_to_draw_there_is_no_band() -> None:
    assert healthy_bands(nn.Sequential(nn.Flatten(), nn.LayerNorm(64)), batch()) is None
