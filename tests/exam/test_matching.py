"""Targets of every kind that belong to other samples."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.exam import Depth, diagnose
from residua.look import Loss


def rows(outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, outputs))


class Task(NamedTuple):
    make: Callable[[], nn.Module]
    inputs: Tensor
    targets: Tensor
    loss: Loss


def numbers() -> Task:
    inputs = torch.randn(256, 20)
    return Task(lambda: rows(3), inputs, (inputs @ torch.randn(20, 3)).tanh(), F.mse_loss)


def several() -> Task:
    inputs = torch.randn(256, 20)
    return Task(
        lambda: rows(4),
        inputs,
        (inputs[:, :4] > 0).long(),
        lambda given, wanted: F.binary_cross_entropy_with_logits(given, wanted.float()),
    )


def noise() -> Task:
    clean, noise = torch.randn(256, 20), torch.randn(256, 20)
    return Task(lambda: rows(20), 0.7 * clean + 0.7 * noise, noise, F.mse_loss)


def names(task: Task, targets: Tensor, depth: Depth) -> list[str]:
    torch.manual_seed(0)
    found = diagnose(task.make(), (task.inputs, targets), loss=task.loss, depth=depth)
    return [cause.name for cause in found.causes]


@pytest.mark.parametrize("make", [numbers, several, noise])
def test_targets_of_other_samples_are_named_by_a_probe_alone(make: Callable[[], Task]) -> None:
    torch.manual_seed(1)
    task = make()
    others = task.targets[torch.randperm(256)]
    assert names(task, task.targets, "probe") == []
    assert names(task, others, "probe") == ["labels do not follow the inputs"]
    assert names(task, others, "still") == []
