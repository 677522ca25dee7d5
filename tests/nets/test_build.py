import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from residua.errors import BadInput, BadSpec, UnknownName
from residua.nets.build import build
from residua.nets.presets import PRESETS
from residua.nets.spec import ResNetSpec, UNetSpec, smallest
from tests.nets.members import MEMBERS


def test_a_name_and_its_spec_give_the_same_network() -> None:
    torch.manual_seed(1)
    by_name = build("resnet20_cifar").state_dict()
    torch.manual_seed(1)
    by_spec = build(PRESETS["resnet20_cifar"].spec).state_dict()
    assert list(by_name) == list(by_spec)
    assert all(torch.equal(by_name[name], by_spec[name]) for name in by_name)


def test_classes_and_channels_are_the_callers() -> None:
    network = build("resnet20_cifar", classes=7, in_channels=1, image_size=28)
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 7)
    assert (network.spec.classes, network.spec.in_channels) == (7, 1)


def test_an_encoder_takes_the_channels_of_its_u_net() -> None:
    spec = build(MEMBERS["unet_resnet18"], in_channels=4).spec
    assert isinstance(spec, UNetSpec)
    assert spec.encoder is not None
    assert spec.encoder.in_channels == 4


def test_the_preset_itself_stays_as_it_is() -> None:
    before = PRESETS["resnet20_cifar"].spec
    build("resnet20_cifar", classes=3)
    assert PRESETS["resnet20_cifar"].spec == before


def test_what_cannot_be_built_is_refused_before_it_is_built() -> None:
    with pytest.raises(BadSpec, match="classes of 0"):
        build("resnet50", classes=0)
    with pytest.raises(BadInput, match=r"8 × 8 pixels; .* at least 17 × 17, .* 5 times.*resnet20_cifar"):
        build("resnet50", image_size=8)
    with pytest.raises(UnknownName, match="nearest names are resnet50"):
        build("resnet51")


def test_a_network_for_small_images_is_not_told_to_take_another() -> None:
    with pytest.raises(BadInput, match=r"at least 3 × 3, because it halves them 2 times\. Enlarge them$"):
        build("resnet20_cifar", image_size=2)


@pytest.mark.parametrize("name", MEMBERS)
def test_the_first_loss_is_near_that_of_a_guess(name: str) -> None:
    spec = MEMBERS[name]
    network, side = build(spec), max(16, smallest(spec))
    logits = network(torch.randn(8, spec.in_channels, side, side))
    labels = torch.randint(spec.classes, (8, *logits.shape[2:]))
    assert abs(F.cross_entropy(logits, labels).item() - math.log(spec.classes)) < 1


def test_convolutions_start_as_he_drew_them() -> None:
    """A normal whose variance is 2 over the connections that leave, k² times the channels given."""
    network = build(ResNetSpec(depths=(1,), widths=(64,), stem="cifar", classes=10))
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    for conv in convolutions:
        expected = math.sqrt(2 / (conv.out_channels * 9))
        assert conv.weight.std().item() == pytest.approx(expected, rel=0.05)
        assert conv.weight.mean().item() == pytest.approx(0, abs=expected / 10)


def test_every_bias_starts_at_0() -> None:
    network = build(MEMBERS["unet"])
    biases = [tensor for name, tensor in network.named_parameters() if name.endswith(".bias")]
    assert biases
    assert not any(bias.any() for bias in biases)
