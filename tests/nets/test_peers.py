"""The same networks as torchvision and timm define them: the same count, and the same answer from the same weights."""

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from torch import nn

from residua.nets.adapters import adapt, from_ours
from residua.nets.build import build
from residua.nets.cost import parameters
from residua.nets.presets import PRESETS
from tests import peers

LARGE = [
    name
    for name, preset in PRESETS.items()
    if preset.image_size == 224 and preset.spec.classes == 1000  # ImageNet
]
IN_TORCHVISION = [name for name in LARGE if not name.startswith("resnetv2")]
Make = Callable[[str, int], nn.Module]


@pytest.fixture(scope="module")
def torchvision() -> Make:
    models: ModuleType = peers.torchvision_models()
    return lambda name, classes: models.get_model(name, num_classes=classes)


@pytest.fixture(scope="module")
def timm() -> Make:
    library: ModuleType = peers.timm()
    return lambda name, classes: library.create_model(name, num_classes=classes)


@pytest.mark.parametrize("name", IN_TORCHVISION)
def test_torchvision_counts_as_many_parameters(name: str, torchvision: Make) -> None:
    with torch.device("meta"):
        assert parameters(torchvision(name, 1000)) == PRESETS[name].parameters


@pytest.mark.parametrize("name", LARGE)
def test_timm_counts_as_many_parameters(name: str, timm: Make) -> None:
    with torch.device("meta"):
        assert parameters(timm(name, 1000)) == PRESETS[name].parameters


@pytest.mark.parametrize("name", IN_TORCHVISION)
def test_torchvision_answers_the_same_from_the_same_weights(name: str, torchvision: Make) -> None:
    answers_the_same(name, torchvision, "torchvision")


@pytest.mark.parametrize("name", LARGE)
def test_timm_answers_the_same_from_the_same_weights(name: str, timm: Make) -> None:
    answers_the_same(name, timm, "timm")


def answers_the_same(name: str, make: Make, project: str) -> None:
    """Carry random weights over and back: the same answer from both networks, and every tensor as it was."""
    ours, theirs = build(name, classes=10), make(name, 10).train()
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # the statistics are those of the one batch, so the answers are near 1
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        theirs(images)
        ours.load_state_dict(dict(adapt(theirs.state_dict(), ours.spec).state))
        assert (ours.eval()(images) - theirs.eval()(images)).abs().max() < 1e-5
    back, state = from_ours(ours.state_dict(), ours.spec, project=project), theirs.state_dict()
    assert back.keys() == state.keys()
    assert all(torch.equal(back[layer], state[layer]) for layer in state)
