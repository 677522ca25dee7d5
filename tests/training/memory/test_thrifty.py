"""With less memory everything is as without: gradients, running statistics, random numbers, names."""

import copy

import pytest
import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from residua.nets.build import build
from residua.nets.presets import spec as spec_named
from residua.nets.spec import DenseNetSpec, ResNetSpec, Spec, smallest
from residua.parts import Chain, Couple
from residua.training.memory import measured_peak, thrifty
from residua.training.memory.cuts import Segment
from residua.training.memory.network import SHARE
from residua.training.memory.rows import Thrifty
from residua.training.recipe import Memory
from tests.nets.members import MEMBERS

CHANCE: dict[str, Spec] = {
    "stochastic depth": ResNetSpec(
        depths=(3, 3), widths=(4, 8), stem="cifar", stem_width=4, stochastic_depth=0.5
    ),
    "dropout": DenseNetSpec(depths=(3, 3), growth=4, stem="cifar", stem_width=8, dropout=0.5),
    "group norm": ResNetSpec(depths=(2, 2), widths=(4, 8), stem="cifar", stem_width=4, norm="group"),
}
SPECS = MEMBERS | CHANCE


def learn(network: nn.Module, run: object, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Run both ways from a fixed random state; return the gradient of the images and the next random number."""
    torch.manual_seed(1)
    images = images.clone().requires_grad_()
    assert callable(run)
    (run(images) * target).sum().backward()
    assert images.grad is not None
    return images.grad, torch.rand(())


@pytest.mark.parametrize("memory", ["lean", "least"])
@pytest.mark.parametrize("name", SPECS)
def test_everything_is_as_without(name: str, memory: Memory) -> None:
    spec = SPECS[name]
    network = build(spec).double()
    twin, side = copy.deepcopy(network), max(8, smallest(spec))
    images = torch.randn(3, spec.in_channels, side, side, dtype=torch.float64)
    target = torch.randn_like(twin.eval()(images))
    twin.train()
    parts = [(key, id(part)) for key, part in network.named_modules()]
    thriftily = thrifty(network, memory)
    for _ in range(2):  # gradients add up, statistics go on
        plain = learn(twin, twin, images, target)
        saved = learn(network, thriftily, images, target)
        torch.testing.assert_close(saved, plain, rtol=1e-10, atol=1e-10)
    for (key, here), there in zip(network.named_parameters(), twin.parameters(), strict=True):
        assert here.grad is not None and there.grad is not None
        torch.testing.assert_close(
            here.grad, there.grad, rtol=1e-10, atol=1e-10, msg=lambda m, k=key: f"{k}: {m}"
        )
    for here, there in zip(network.buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(here, there, rtol=1e-12, atol=1e-12)
    assert [(key, id(part)) for key, part in network.named_modules()] == parts


@pytest.mark.parametrize("memory", ["lean", "least"])
def test_in_bfloat16_and_channels_last_the_gradients_are_the_same(memory: Memory) -> None:
    network = build(SPECS["resnet164_preact"]).to(memory_format=torch.channels_last)
    twin, images = copy.deepcopy(network), torch.randn(4, 3, 16, 16).to(memory_format=torch.channels_last)
    for run in (twin, thrifty(network, memory)):
        with torch.autocast("cpu", torch.bfloat16):
            logits = run(images)
        assert logits.dtype == torch.bfloat16
        logits.float().square().sum().backward()
    for here, there in zip(network.parameters(), twin.parameters(), strict=True):
        assert here.grad is not None and there.grad is not None and torch.equal(here.grad, there.grad)


def test_a_hundred_couples_in_bfloat16_come_back_as_they_were() -> None:
    couples = [Couple(Chain(norm=nn.BatchNorm2d(4), conv=nn.Conv2d(4, 4, 1))) for _ in range(100)]
    chain, images = Chain(*couples), torch.randn(4, 8, 6, 6)
    row = Thrifty(chain, [Segment(0, 100, "undone")], dear=None)
    gradients = []
    for run in (chain, row):
        x = images.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            run(x).sin().sum().backward()
        assert x.grad is not None
        gradients.append(x.grad.flatten())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99


def bytes_kept(run: object, images: Tensor) -> int:
    """Return the size of all that autograd keeps for these images, each storage once."""
    kept: dict[int, int] = {}

    def keep(saved: Tensor) -> Tensor:
        kept[saved.untyped_storage().data_ptr()] = saved.untyped_storage().nbytes()
        return saved

    assert callable(run)
    with saved_tensors_hooks(keep, lambda saved: saved):
        logits = run(images)
    assert logits.requires_grad  # held until here, and all that is kept with it
    return sum(kept.values())


@pytest.mark.parametrize("name", ["resnet20_cifar", "resnet56_reversible", "densenet40_k12"])
def test_lean_keeps_little_more_than_half(name: str) -> None:
    network, images = build(name), torch.randn(8, 3, 32, 32)
    plain = measured_peak(network, images, "plain")
    assert measured_peak(network, images, "lean") <= SHARE * plain
    assert bytes_kept(thrifty(network, "lean"), images) < SHARE * bytes_kept(network, images)


def test_convolutions_that_take_little_work_are_the_first_to_be_run_again() -> None:
    """What a 1 x 1 convolution of few channels gives is large for the work it takes; that of a wide 3 x 3 is dear."""
    chain = Chain(
        *[
            layer
            for _ in range(4)
            for layer in (nn.Conv2d(4, 64, 1), nn.ReLU(), nn.Conv2d(64, 4, 3, padding=1))
        ]
    )
    counted: dict[tuple[int, ...], int] = {}

    class Counting(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            if func == torch.ops.aten.convolution.default:
                shape = tuple(args[1].shape)
                counted[shape] = counted.get(shape, 0) + 1
            return func(*args, **(kwargs or {}))

    images = torch.randn(2, 4, 8, 8, requires_grad=True)
    row = Thrifty(chain, [Segment(0, 12, "again")], dear=5)
    with Counting():
        row(images).sum().backward()
    assert counted == {(64, 4, 1, 1): 8, (4, 64, 3, 3): 4}


@pytest.mark.parametrize("name", ["resnet20_cifar", "resnet56_reversible"])
def test_what_is_not_kept_cannot_be_differentiated_twice(name: str) -> None:
    network = build(spec_named(name))
    weight = network.stem.conv.weight
    run = thrifty(network, "least" if "reversible" in name else "lean")
    with pytest.raises(RuntimeError, match=r"extra time|once_differentiable"):
        (gradient,) = torch.autograd.grad(
            run(torch.randn(2, 3, 8, 8)).square().sum(), weight, create_graph=True
        )
        gradient.square().sum().backward()


def test_in_evaluation_it_is_the_network_itself() -> None:
    network = build(replace(SPECS["resnet20_cifar"])).eval()
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(thrifty(network, "least")(images), network(images))
    assert thrifty(network, "plain") is network
