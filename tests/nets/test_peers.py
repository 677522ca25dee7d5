"""The same networks as torchvision and timm define them: the same count, and the same answer from the same weights."""

from types import ModuleType

import pytest
import torch

from residua.nets.adapters import adapt
from residua.nets.build import build
from residua.nets.cost import parameters
from residua.nets.presets import PRESETS
from residua.nets.spec import Segmenting
from tests import peers

DEFINED_THERE = [
    name
    for name, preset in PRESETS.items()
    if preset.image_size == 224 and not isinstance(preset.spec, Segmenting)
]


@pytest.fixture(scope="module")
def models() -> ModuleType:
    return peers.torchvision_models()


@pytest.fixture(scope="module")
def timm() -> ModuleType:
    return peers.timm()


@pytest.mark.parametrize("name", DEFINED_THERE)
def test_torchvision_counts_as_many_parameters(name: str, models: ModuleType) -> None:
    with torch.device("meta"):
        assert parameters(models.get_model(name)) == PRESETS[name].parameters


@pytest.mark.parametrize("name", DEFINED_THERE)
def test_timm_counts_as_many_parameters(name: str, timm: ModuleType) -> None:
    with torch.device("meta"):
        assert parameters(timm.create_model(name)) == PRESETS[name].parameters


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnext50_32x4d", "densenet121", "vgg11_bn"])
def test_torchvision_answers_the_same_from_the_same_weights(name: str, models: ModuleType) -> None:
    ours, theirs = build(name, classes=10), models.get_model(name, num_classes=10).train()
    images = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        theirs(images)  # so that the statistics of its norms are not all 0 and 1
        adapted = adapt(theirs.state_dict(), ours.spec)
        ours.load_state_dict(dict(adapted.state))
        assert (ours.eval()(images) - theirs.eval()(images)).abs().max() < 1e-5
    assert adapted.project == "torchvision"
