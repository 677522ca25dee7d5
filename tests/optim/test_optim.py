"""The schedule, the groups of parameters, and the average of the weights."""

import pytest
import torch
from torch import nn

from residua.optim import Average, learning_rate, make_optimizer, split_groups


def test_schedule_rises_in_a_line_and_falls_to_nothing() -> None:
    rates = [learning_rate(step, steps=100, peak=0.4, warmup=0.2) for step in range(100)]
    assert max(rates) == pytest.approx(0.4)
    assert rates[:20] == pytest.approx([0.4 * (step + 1) / 20 for step in range(20)])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] < 0.001


def test_schedule_without_warm_up_begins_at_its_peak() -> None:
    assert learning_rate(0, steps=10, peak=1.0, warmup=0.0) == 1.0


def test_only_kernels_and_matrices_decay() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    decayed, rest = split_groups(net, weight_decay=0.1)
    assert [tuple(p.shape) for p in decayed["params"]] == [(4, 3, 3, 3), (2, 4)]  # type: ignore[attr-defined]
    assert len(rest["params"]) == 4  # type: ignore[arg-type]
    assert (decayed["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)


@pytest.mark.parametrize("kind", ["sgd", "adamw", "muon"])
def test_an_optimizer_lowers_a_loss(kind: str) -> None:
    net = nn.Linear(4, 1)
    optimizer = make_optimizer(net, kind=kind, lr=0.05, momentum=0.9, weight_decay=0.0)  # type: ignore[arg-type]
    inputs, losses = torch.randn(64, 4), []
    for _ in range(50):
        loss = (net(inputs) - inputs.sum(1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4


def test_the_average_is_the_weighted_sum_it_claims_to_be() -> None:
    net = nn.BatchNorm1d(1)
    average = Average(net, decay=0.5)
    expected = 1.0
    for step in range(1, 6):
        with torch.no_grad():
            net.weight.fill_(step)
        net.num_batches_tracked.fill_(step)
        average.update(net, step)
        keep = min(0.5, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * step
    assert average.weights["weight"].item() == pytest.approx(expected)
    assert average.weights["num_batches_tracked"].item() == 5


def test_no_decay_keeps_the_last_weights() -> None:
    net = nn.Linear(2, 2)
    average = Average(net, decay=0)
    with torch.no_grad():
        net.weight.fill_(3.0)
    average.update(net, 1)
    assert torch.equal(average.weights["weight"], net.weight)
