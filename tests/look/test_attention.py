import torch

from residua.look import grad_cam
from residua.nets.build import build
from residua.parts import Chain


def test_before_an_average_and_one_layer_it_is_what_that_layer_weighs() -> None:
    """There the gradient is the weight of the class, so Grad-CAM is the class activation map (Zhou et al. 2015)."""
    network, images = build("resnet20_cifar").eval(), torch.randn(3, 3, 32, 32)
    classes = torch.tensor([0, 4, 9])
    found = grad_cam(network, images, layer="stage3", classes=classes)
    with torch.no_grad():
        features = network.features(images)
        weights = network.get_parameter("head.linear.weight")[classes]
        expected = torch.einsum("nc,nchw->nhw", weights, features).clamp_min(0)
    expected /= expected.amax((1, 2), keepdim=True).clamp_min(1e-12)  # nothing may speak for a class
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_it_looks_at_the_likeliest_class_unless_told() -> None:
    network, images = build("resnet8_cifar").eval(), torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        likeliest = network(images).argmax(1)
    told = grad_cam(network, images, layer="stage2", classes=likeliest)
    assert torch.equal(grad_cam(network, images, layer="stage2"), told)


def test_it_finds_where_the_only_thing_is() -> None:
    """A network that answers with the brightness of a picture looks at the one bright corner of it."""
    bright = Chain(
        features=torch.nn.Identity(), head=Chain(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    )
    images = torch.zeros(1, 2, 8, 8)
    images[0, 1, :2, 6:] = 1
    found = grad_cam(bright, images, layer="features", classes=torch.tensor([1]))
    assert torch.equal(found > 0, images[:, 1] > 0)


def test_the_model_is_left_as_it_was() -> None:
    network = build("resnet8_cifar").train()
    network.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    grad_cam(network, torch.randn(2, 3, 32, 32), layer="stage3")
    assert network.training
    assert not any(
        parameter.requires_grad or parameter.grad is not None for parameter in network.parameters()
    )
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not network.get_submodule("stage3")._forward_hooks
