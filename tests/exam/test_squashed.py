"""A softmax or a sigmoid where the loss applies its own, for labels of every kind."""

from collections.abc import Callable
from typing import Final

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.exam import diagnose
from residua.look import Loss

LOGITS: Final = F.binary_cross_entropy_with_logits


def network(*end: nn.Module, outputs: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, outputs), *end)


def samples() -> Tensor:
    return torch.randn(128, 20, generator=torch.Generator().manual_seed(0))


def several(inputs: Tensor) -> Tensor:
    return inputs[:, :4] > 0


def one(inputs: Tensor) -> Tensor:
    return inputs[:, :4].argmax(1)


def names(model: nn.Module, targets: Callable[[Tensor], Tensor], loss: Loss) -> list[str]:
    found = diagnose(model, (samples(), targets(samples())), loss=loss, depth="still")
    return [cause.name for cause in found.causes]


LABELS: dict[str, tuple[Callable[[Tensor], Tensor], Loss]] = {
    "floating": (lambda x: several(x).float(), LOGITS),
    "whole": (lambda x: several(x).long(), lambda given, wanted: LOGITS(given, wanted.float())),
    "true or false": (several, lambda given, wanted: LOGITS(given, wanted.float())),
    "smoothed": (lambda x: 0.05 + 0.9 * several(x).float(), LOGITS),
    "smoothed by the loss": (
        lambda x: several(x).float(),
        lambda given, wanted: LOGITS(given, 0.05 + 0.9 * wanted),
    ),
}


@pytest.mark.parametrize("name", LABELS)
def test_a_sigmoid_before_a_loss_with_its_own_is_named(name: str) -> None:
    assert names(network(nn.Sigmoid()), *LABELS[name]) == ["sigmoid before a loss that applies one"]
    assert names(network(), *LABELS[name]) == []


def test_one_logit_against_whole_labels() -> None:
    def loss(given: Tensor, wanted: Tensor) -> Tensor:
        return LOGITS(given[:, 0], wanted.float())

    def first(inputs: Tensor) -> Tensor:
        return several(inputs)[:, 0].long()

    assert names(network(nn.Sigmoid(), outputs=1), first, loss) == ["sigmoid before a loss that applies one"]
    assert names(network(outputs=1), first, loss) == []


def test_losses_of_probabilities_are_content() -> None:
    for loss in (F.binary_cross_entropy, F.mse_loss):
        for targets in (lambda x: several(x).float(), lambda x: 0.05 + 0.9 * several(x).float()):
            assert names(network(nn.Sigmoid()), targets, loss) == []


def test_one_kind_before_the_other() -> None:
    assert names(network(nn.Sigmoid()), one, F.cross_entropy) == [
        "sigmoid before a loss that applies a softmax"
    ]
    assert names(network(nn.Softmax(1)), lambda x: F.one_hot(one(x), 4).float(), LOGITS) == [
        "softmax before a loss that applies a sigmoid"
    ]


def test_a_softmax_over_the_samples_is_named() -> None:
    assert names(network(nn.Softmax(0)), one, F.cross_entropy) == ["softmax over the batch"]


@pytest.mark.parametrize(("scale", "told"), [(8.0, True), (1.0, False)])
def test_targets_that_a_tanh_cannot_reach_are_named(scale: float, told: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2), nn.Tanh())
    inputs = torch.randn(128, 20, generator=torch.Generator().manual_seed(0))
    found = diagnose(model, (inputs, scale * inputs[:, :2]), loss=F.mse_loss, depth="still")
    assert ([cause.name for cause in found.causes] == ["targets out of range"]) == told
