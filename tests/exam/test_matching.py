"""Targets of every kind that belong to other samples."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.exam import Depth, diagnose
from residua.exam.matching import agreement
from residua.exam.rules.labels import CHANCE
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


def scattered(count: int = 192) -> tuple[Tensor, Tensor]:
    """Return crosses, squares and rings anywhere in noise, of any brightness, and which of them each picture holds."""
    generator = torch.Generator().manual_seed(0)
    far = torch.arange(7) - 3
    down, right = torch.meshgrid(far.abs(), far.abs(), indexing="ij")
    shapes = torch.stack(
        [torch.minimum(down, right) < 1, (down < 3) & (right < 3), torch.maximum(down, right) == 3]
    )
    kinds = torch.randint(3, (count,), generator=generator)
    pictures = 0.6 * torch.randn(count, 1, 20, 20, generator=generator)
    for picture, kind in zip(pictures, kinds.tolist(), strict=True):
        top, left = torch.randint(14, (2,), generator=generator).tolist()
        sign = 2.0 * (torch.rand((), generator=generator) - 0.5).sign()
        picture[0, top : top + 7, left : left + 7] += sign * shapes[kind]
    return pictures, kinds


def test_things_that_lie_anywhere_in_pictures_are_followed_all_the_same() -> None:
    pictures, kinds = scattered()
    told = agreement(pictures, kinds)
    assert told is not None
    assert told > 2 * CHANCE
    orders = torch.Generator().manual_seed(1)
    shuffled = [agreement(pictures, kinds[torch.randperm(len(kinds), generator=orders)]) for _ in range(20)]
    assert sum(value is not None and value < CHANCE for value in shuffled) >= 18
