import torch
from torch import nn

from residua.nets.build import build
from residua.nets.cost import macs, parameters
from tests.nets.members import MEMBERS


def test_a_transposed_convolution_multiplies_every_pixel_by_the_whole_kernel() -> None:
    assert macs(nn.ConvTranspose2d(4, 3, 2, stride=2), in_channels=4, image_size=5) == 5 * 5 * 4 * 3 * 2 * 2


def test_a_linear_layer_is_counted_wherever_it_stands() -> None:
    assert macs(nn.Linear(6, 5, bias=False), in_channels=3, image_size=6) == 3 * 6 * 6 * 5


def test_a_shared_layer_is_stored_once_and_computed_twice() -> None:
    conv = nn.Conv2d(3, 3, 1, bias=False)
    assert parameters(nn.Sequential(conv, conv)) == 9
    assert macs(nn.Sequential(conv, conv), in_channels=3, image_size=2) == 2 * 4 * 9


def test_counting_leaves_the_network_as_it_was() -> None:
    network = build(MEMBERS["resnet20_cifar"])
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert network.training
    macs(network, in_channels=3, image_size=8)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
