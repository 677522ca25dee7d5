"""What holds for every network that can be described, and not only for those with a name."""

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from torch.utils.flop_counter import FlopCounterMode

from residua.errors import BadInput
from residua.nets.build import build
from residua.nets.cost import macs, parameters
from residua.nets.network import Network
from residua.nets.spec import (
    DenseNetSpec,
    PlainSpec,
    ResNetSpec,
    Segmenting,
    Spec,
    smallest,
    stride,
)
from tests.nets.strategies import densenets, plains, resnets, specs

some = settings(max_examples=40, deadline=None, derandomize=True)


def sketch(spec: Spec) -> Network:
    with torch.device("meta"):
        return build(spec)


@some
@given(specs())
def test_json_brings_back_the_same_spec(spec: Spec) -> None:
    assert msgspec.json.decode(msgspec.json.encode(spec), type=Spec) == spec


@some
@given(specs(), st.integers(0, 9), st.integers(0, 9))
def test_it_is_built_and_answers_every_size_from_the_smallest(spec: Spec, taller: int, wider: int) -> None:
    size = smallest(spec) + taller, smallest(spec) + wider
    expected = (2, spec.classes, *size) if isinstance(spec, Segmenting) else (2, spec.classes)
    network = sketch(spec).eval()
    assert network(torch.zeros(2, spec.in_channels, *size, device="meta")).shape == expected


@some
@given(resnets())
def test_a_plain_net_is_its_twin_without_shortcuts_and_scales(spec: ResNetSpec) -> None:
    alone = {"join": "none", "zero_init": False, "skip_init": False, "stochastic_depth": 0}
    carried = [
        tensor.numel()
        for name, tensor in sketch(spec).named_parameters()
        if ".shortcut." in name or name.endswith("scale.by")
    ]
    assert parameters(sketch(spec)) - sum(carried) == parameters(sketch(replace(spec, **alone)))


@some
@given(specs())
def test_macs_are_half_of_what_pytorch_counts_as_operations(spec: Spec) -> None:
    network, side = sketch(spec).eval(), smallest(spec) + 3
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, spec.in_channels, side, side, device="meta"))
    assert 2 * macs(network, in_channels=spec.in_channels, image_size=side) == counter.get_total_flops()


@some
@given(plains() | densenets())
def test_no_layer_could_take_less_than_the_smallest_image(spec: PlainSpec | DenseNetSpec) -> None:
    side = smallest(spec) - 1
    images = torch.zeros(2, spec.in_channels, side, side, device="meta")
    with pytest.raises(BadInput):
        sketch(spec)(images)
    if side:
        with pytest.raises(RuntimeError, match="too small"):
            [images := part(images) for part in sketch(spec).eval().children()]


@some
@given(resnets())
def test_the_last_halving_finds_two_pixels_or_more(spec: ResNetSpec) -> None:
    if stride(spec) == 1:
        assert smallest(spec) == 1
        return
    halvings = stride(spec).bit_length() - 2
    before_the_last = [-(-side // 2**halvings) for side in (smallest(spec), smallest(spec) - 1)]
    assert before_the_last == [2, 1]
