"""Networks whose norms, additions and ReLUs are taken together."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from residua.nets.build import build
from residua.training.kernels import edits, kernels, together
from residua.training.memory import thrifty

pytestmark = pytest.mark.skipif(kernels() is None, reason="there is no C++ compiler here")
NETS = ("resnet8_cifar", "resnet18", "resnet50", "resnetv2_18", "plain20", "densenet121", "unet_resnet18")


def gradient(network: nn.Module, run: object, images: Tensor) -> Tensor:
    """Return the gradient of all weights, for a loss in which every logit counts."""
    assert callable(run)
    logits = run(images)
    torch.autograd.backward((logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum())
    return torch.cat(
        [weight.grad.double().flatten() for weight in network.parameters() if weight.grad is not None]
    )


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("memory", ["plain", "lean"])
def test_gradients_are_as_near_to_float64_as_those_of_pytorch(name: str, memory: str) -> None:
    torch.manual_seed(0)
    network = build(name).to(memory_format=torch.channels_last)
    ours, exact = copy.deepcopy(network), copy.deepcopy(network).double()
    images = torch.randn(4, 3, 64, 64).to(memory_format=torch.channels_last)
    truth = gradient(exact, exact, images.double())
    plain, found = (
        gradient(network, network, images),
        gradient(ours, thrifty(ours, memory, kernels=True), images),
    )
    assert (found - truth).norm() < 2 * (plain - truth).norm() + 1e-5 * truth.norm()
    for buffer, other in zip(ours.buffers(), exact.buffers(), strict=True):
        torch.testing.assert_close(buffer.double(), other.double(), atol=1e-4, rtol=1e-4)


def test_the_names_of_the_weights_stay() -> None:
    network = build("resnet8_cifar")
    names = list(network.state_dict())
    together(network)(torch.zeros(2, 3, 32, 32))
    assert list(network.state_dict()) == names


def test_in_evaluation_it_is_the_network_itself() -> None:
    network = build("resnet8_cifar").eval()
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(together(network)(images), network(images))


def test_rows_within_a_sum_are_found_by_the_name_of_the_sum() -> None:
    network = build("resnet18")
    assert {"stem", "stage1.0", "stage1.0.sum", "stage2.0.sum.shortcut"} <= edits(network, lean=False).keys()


@pytest.mark.parametrize("memory", ["plain", "lean"])
def test_what_hangs_on_a_layer_is_called(memory: str) -> None:
    """Pruning masks a weight before each call of its layer."""
    network = build("resnet8_cifar")
    layers = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.BatchNorm2d)]
    prune.l1_unstructured(layers[2], "weight", 0.5)
    network.to(memory_format=torch.channels_last)
    called: list[nn.Module] = []
    for layer in layers:
        layer.register_forward_hook(lambda part, *_: called.append(part))
    for _ in range(2):
        run = thrifty(network, memory, kernels=True)
        with torch.autocast("cpu", torch.bfloat16):
            run(torch.randn(2, 3, 32, 32)).sum().backward()
    assert {id(part) for part in called} >= {id(layer) for layer in layers}
