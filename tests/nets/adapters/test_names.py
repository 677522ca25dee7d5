import pytest

from residua.nets.adapters.names import ours, theirs
from residua.nets.adapters.tables import (
    CIFAR_RESNET,
    TORCHVISION_DENSENET,
    TORCHVISION_RESNET,
    TORCHVISION_VGG_HEAD,
    Rows,
    vgg_body,
)
from residua.nets.spec import PlainSpec

VGG = (*vgg_body(PlainSpec(widths=((8,), (16, 16)), norm="batch")), *TORCHVISION_VGG_HEAD)


@pytest.mark.parametrize(
    ("rows", "there", "here"),
    [
        (CIFAR_RESNET, "conv1.weight", "stem.conv.weight"),
        (CIFAR_RESNET, "layer3.17.bn2.running_var", "stage3.17.sum.branch.norm2.running_var"),
        (CIFAR_RESNET, "linear.bias", "head.linear.bias"),
        (TORCHVISION_RESNET, "layer1.0.conv3.weight", "stage1.0.sum.branch.conv3.weight"),
        (TORCHVISION_RESNET, "layer4.0.downsample.1.bias", "stage4.0.sum.shortcut.norm.bias"),
        (TORCHVISION_DENSENET, "features.norm5.weight", "close.norm.weight"),
        (
            TORCHVISION_DENSENET,
            "features.denseblock3.denselayer24.conv2.weight",
            "stage3.23.branch.conv2.weight",
        ),
        (VGG, "features.0.bias", "stage1.conv1.bias"),
        (VGG, "features.1.weight", "stage1.norm1.weight"),
        (VGG, "features.4.weight", "stage2.conv1.weight"),
        (VGG, "features.7.weight", "stage2.conv2.weight"),
        (VGG, "classifier.6.weight", "head.linear.weight"),
    ],
    ids=range(12),
)
def test_a_name_goes_over_and_comes_back(rows: Rows, there: str, here: str) -> None:
    assert ours(there, rows) == here
    assert theirs(here, rows) == there


@pytest.mark.parametrize(
    "name", ["fc.weight", "layer1.0.conv1", "layerX.0.conv1.weight", "xconv1.weight", ""]
)
def test_a_name_of_no_layer_has_no_other(name: str) -> None:
    assert ours(name, CIFAR_RESNET) is None
    assert theirs(name, CIFAR_RESNET) is None


def test_an_older_spelling_is_read_and_the_newer_one_written() -> None:
    here = ours("features.denseblock1.denselayer1.norm.1.weight", TORCHVISION_DENSENET)
    assert here == "stage1.0.branch.norm1.weight"
    assert theirs(here, TORCHVISION_DENSENET) == "features.denseblock1.denselayer1.norm1.weight"


@pytest.mark.parametrize("rows", [CIFAR_RESNET, TORCHVISION_RESNET, TORCHVISION_DENSENET, VGG], ids=range(4))
def test_a_table_says_nothing_twice(rows: Rows) -> None:
    there = [row[0] for row in rows]
    assert len(set(there)) == len(there)
