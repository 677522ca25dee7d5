"""Muon turns kernels along all directions alike, keeps their length, and moves everything else by SGD."""

import copy

import pytest
import torch
from torch import Tensor, nn

from residua.optim import Muon, make_optimizer
from residua.optim.muon import orthogonal


@pytest.mark.parametrize("shape", [(128, 64, 3, 3), (16, 96), (96, 16), (32, 1, 3, 3)])
def test_a_step_goes_along_all_directions_about_alike(shape: tuple[int, ...]) -> None:
    """The nearest orthogonal matrix, U V of the singular value decomposition, is what it comes to be."""
    matrix = torch.randn(shape)
    left, _, right = torch.linalg.svd(matrix.flatten(1).double(), full_matrices=False)
    turned = orthogonal(matrix).flatten(1).double()
    assert turned.shape == left.shape[:1] + right.shape[1:]
    singular = torch.linalg.svdvals(turned)
    assert singular.max() < 1.3
    assert singular.median() > 0.6
    assert torch.cosine_similarity(turned.flatten(), (left @ right).flatten(), dim=0) > 0.95


def test_nothing_comes_of_nothing() -> None:
    assert torch.equal(orthogonal(torch.zeros(3, 5)), torch.zeros(3, 5))


def by_hand(kernel: Tensor, gradients: list[Tensor], *, lr: float, momentum: float) -> Tensor:
    """Return where some steps lead, by a decomposition in float64 in place of the polynomial."""
    kernel, velocity = kernel.double(), torch.zeros_like(kernel, dtype=torch.float64)
    for gradient in gradients:
        velocity = momentum * velocity + gradient.double()
        left, _, right = torch.linalg.svd(gradient.double() + momentum * velocity, full_matrices=False)
        moved = kernel - lr * left @ right
        kernel = moved * kernel.norm() / moved.norm()
    return kernel


def test_steps_are_those_of_a_decomposition_to_the_polynomial() -> None:
    layer = nn.Linear(48, 16, bias=False)
    gradients = [torch.randn(16, 48) for _ in range(4)]
    start = layer.weight.detach().clone()
    expected = by_hand(start, gradients, lr=0.1, momentum=0.6)
    optimizer = Muon([{"params": [layer.weight], "turns": True}], lr=0.1, momentum=0.6)
    for gradient in gradients:
        layer.weight.grad = gradient.clone()
        optimizer.step()
    assert layer.weight.norm().item() == pytest.approx(start.norm().item(), rel=1e-5)
    moved, wanted = (layer.weight.detach() - start).double().flatten(), (expected - start).flatten()
    assert torch.cosine_similarity(moved, wanted, dim=0) > 0.98


def test_a_kernel_that_begins_at_zero_moves() -> None:
    layer = nn.Linear(6, 6, bias=False)
    nn.init.zeros_(layer.weight)
    optimizer = Muon([{"params": [layer.weight], "turns": True}], lr=0.1, momentum=0.0)
    layer.weight.grad = torch.randn(6, 6)
    optimizer.step()
    assert layer.weight.norm() > 0


def test_what_is_not_turned_moves_as_by_sgd() -> None:
    ours = nn.Linear(5, 3)
    theirs = copy.deepcopy(ours)
    groups = [{"params": list(ours.parameters()), "weight_decay": 0.1}]
    muon = Muon(groups, lr=0.05, momentum=0.9)
    sgd = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1)
    for _ in range(5):
        inputs = torch.randn(7, 5)
        for layer, optimizer in ((ours, muon), (theirs, sgd)):
            optimizer.zero_grad()
            torch.autograd.backward(layer(inputs).square().mean())
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


def test_first_and_last_are_not_turned_and_every_parameter_moves_once() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 2)
    )
    optimizer = make_optimizer(net, kind="muon", lr=0.2, momentum=0.6, weight_decay=1e-4)
    turned = [p for group in optimizer.param_groups if group["turns"] for p in group["params"]]
    everything = [p for group in optimizer.param_groups for p in group["params"]]
    assert [p is net[1].weight for p in turned] == [True]
    assert sorted(map(id, everything)) == sorted(map(id, net.parameters()))


def test_a_stored_state_goes_on_bit_for_bit() -> None:
    """The layout of the weights in memory does not count either."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 4, 3))
    images = torch.randn(2, 3, 9, 9)

    def steps(model: nn.Module, optimizer: torch.optim.Optimizer, count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            torch.autograd.backward(model(images).square().mean())
            optimizer.step()

    first = make_optimizer(net, kind="muon", lr=0.1, momentum=0.6, weight_decay=0.0)
    steps(net, first, 3)
    again = copy.deepcopy(net)
    second = make_optimizer(again, kind="muon", lr=0.1, momentum=0.6, weight_decay=0.0)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    last = copy.deepcopy(net)
    nn.Module.to(last, memory_format=torch.channels_last)
    third = make_optimizer(last, kind="muon", lr=0.1, momentum=0.6, weight_decay=0.0)
    third.load_state_dict(copy.deepcopy(first.state_dict()))
    steps(net, first, 3)
    steps(again, second, 3)
    steps(last, third, 3)
    for one, other, third_one in zip(net.parameters(), again.parameters(), last.parameters(), strict=True):
        assert torch.equal(one, other)
        torch.testing.assert_close(one, third_one)


def test_a_closure_gives_its_loss() -> None:
    layer = nn.Linear(2, 2)
    optimizer = Muon([{"params": list(layer.parameters())}], lr=0.1, momentum=0.0)

    def loss() -> float:
        found = layer(torch.ones(1, 2)).square().sum()
        torch.autograd.backward(found)
        return float(found.item())

    first, second = optimizer.step(loss), optimizer.step(loss)
    assert first is not None
    assert second is not None
    assert second < first
