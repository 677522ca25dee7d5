"""The best answer that looks at nothing, beside what is known of it, and what answers save beside it."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from residua.exam.level import SCALES, Level
from residua.look import Loss

cross_entropy = functional.cross_entropy


def labels() -> Tensor:
    return torch.tensor([0] * 6 + [1] * 3 + [2])


def logits(*, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return scale * (torch.eye(3)[labels()] + 0.7 * torch.randn(10, 3, generator=generator))


def entropy(shares: Tensor) -> float:
    return -(shares * shares.log()).sum().item()


@pytest.mark.parametrize("begin", [0.0, 3.0, -1e4])
def test_of_classes_it_is_how_frequent_they_are(begin: float) -> None:
    shares = torch.tensor([0.6, 0.3, 0.1])
    level = Level(logits() + begin * torch.tensor([0.0, 1.0, -1.0]), labels(), cross_entropy)
    assert torch.softmax(level.centres[0][0], 0).tolist() == pytest.approx(shares.tolist(), abs=1e-3)
    assert level.blind == pytest.approx(entropy(shares), rel=1e-5)


def test_of_masks_it_is_how_frequent_their_classes_are_and_void_counts_nowhere() -> None:
    masks = torch.zeros(2, 4, 4, dtype=torch.long)
    masks[:, 0, 0], masks[:, 3] = 1, -100
    level = Level(torch.randn(2, 2, 4, 4), masks, cross_entropy)
    assert torch.softmax(level.centres[0].flatten(), 0)[1].item() == pytest.approx(2 / 24, abs=1e-3)


def test_of_numbers_it_is_their_mean() -> None:
    targets = torch.tensor([[1.0], [2.0], [6.0]])
    level = Level(torch.randn(3, 1), targets, functional.mse_loss)
    assert level.centres[0].item() == pytest.approx(3.0, rel=1e-4)
    assert level.saved(targets) == 1


def test_probabilities_stay_probabilities() -> None:
    targets = torch.tensor([1.0, 0.0, 1.0, 1.0])
    outputs = torch.tensor([0.6, 0.4, 0.9, 0.5])
    level = Level(outputs, targets, functional.binary_cross_entropy)
    assert level.centres[0].item() == pytest.approx(0.75, abs=0.01)
    answers = level.answers(outputs, scale=100)
    assert 0 < answers.min() < answers.max() < 1
    assert 0 < level.could_be_saved(outputs) < 1


def test_logits_that_happen_to_lie_between_0_and_1_are_none() -> None:
    outputs = logits().sigmoid()
    level = Level(outputs, labels(), cross_entropy)
    assert level.answers(outputs, scale=100).max() > 1


def test_it_does_not_matter_where_answers_lie() -> None:
    level = Level(logits(), labels(), cross_entropy)
    far_off = logits() + torch.tensor([0.0, 0.0, 9.0])
    assert level.saved(far_off) == 0
    assert level.could_be_saved(far_off) == pytest.approx(level.could_be_saved(logits()), rel=1e-3)


def test_answers_that_are_too_sure_may_be_drawn_together_and_those_hardly_sure_have_a_way_to_go() -> None:
    def could_be_saved(scale: float) -> float:
        return Level(logits(scale=scale), labels(), cross_entropy).could_be_saved(logits(scale=scale))

    assert could_be_saved(30) == pytest.approx(could_be_saved(3), rel=0.1)
    assert could_be_saved(0.01) == pytest.approx(could_be_saved(0.1) / math.sqrt(10), rel=1e-3)


def test_it_is_the_best_of_all_scales() -> None:
    outputs, counts = logits(), torch.tensor([6.0, 3.0, 1.0])
    shares = counts / counts.sum()
    apart = outputs - outputs.mean(0)
    by_hand = [
        (1 - cross_entropy(shares.log() + scale * apart, labels()).item() / entropy(shares))
        / math.sqrt(max(1, scale))
        for scale in SCALES
    ]
    found = Level(outputs, labels(), cross_entropy).could_be_saved(outputs)
    assert found == pytest.approx(max(by_hand), rel=1e-3)
    assert found > 0


@pytest.mark.parametrize("loss", [cross_entropy, lambda outputs, targets: outputs.sum() * math.nan])
def test_answers_that_are_all_alike_save_nothing(loss: Loss) -> None:
    level = Level(torch.ones(10, 3), labels(), loss)
    assert level.saved(torch.ones(10, 3)) == 0
    assert level.could_be_saved(torch.ones(10, 3)) == pytest.approx(0, abs=1e-6)


def test_several_answers_have_a_level_each() -> None:
    def both(outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        return cross_entropy(outputs["out"], targets) + cross_entropy(outputs["aux"], targets)

    level = Level({"out": logits(), "aux": 0 * logits()}, labels(), both)
    assert [tuple(centre.shape) for centre in level.centres] == [(1, 3), (1, 3)]
    assert level.blind == pytest.approx(2 * entropy(torch.tensor([0.6, 0.3, 0.1])), rel=1e-4)
    assert 0 < level.could_be_saved({"out": logits(), "aux": logits()}) < 1
