"""Scores against scikit-learn, and the corners where a rate has nothing to divide by."""

import pytest
import torch
from sklearn import metrics

from residua.objective import balanced_weights, cross_entropy, score


def some_answers() -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.randint(0, 7, (500,))
    return torch.randn(500, 7) + 2 * torch.nn.functional.one_hot(labels, 7), labels


def test_scores_agree_with_scikit_learn() -> None:
    logits, labels = some_answers()
    found = score(logits, labels, tuple("abcdefg"))
    guess = logits.argmax(1)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(labels, guess)
    assert found.top1 == pytest.approx(metrics.accuracy_score(labels, guess))
    assert found.top5 == pytest.approx(metrics.top_k_accuracy_score(labels, logits, k=5))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(labels, guess, average="macro"))
    assert found.loss == pytest.approx(metrics.log_loss(labels, logits.double().softmax(1)), rel=1e-5)
    assert [list(row) for row in found.confusion] == metrics.confusion_matrix(labels, guess).tolist()
    assert [one.precision for one in found.per_class] == pytest.approx(precision.tolist())
    assert [one.recall for one in found.per_class] == pytest.approx(recall.tolist())
    assert [one.f1 for one in found.per_class] == pytest.approx(f1.tolist())
    assert [one.samples for one in found.per_class] == support.tolist()


def test_calibration_error_against_a_loop() -> None:
    logits, labels = some_answers()
    sure, guess = logits.softmax(1).max(1)
    expected = 0.0
    for index in range(15):
        inside = [i for i in range(500) if index / 15 < sure[i].item() <= (index + 1) / 15]
        if inside:
            right = sum(int(guess[i] == labels[i]) for i in inside) / len(inside)
            expected += len(inside) / 500 * abs(sum(sure[i].item() for i in inside) / len(inside) - right)
    found = score(logits, labels, tuple("abcdefg"))
    assert found.ece == pytest.approx(expected, abs=1e-6)
    assert sum(one.samples for one in found.bins) == 500


def test_a_class_never_seen_and_never_guessed_counts_for_nothing() -> None:
    logits = torch.tensor([[5.0, 0, 0], [0, 5.0, 0]])
    found = score(logits, torch.tensor([0, 1]), ("a", "b", "c"))
    assert (found.per_class[2].precision, found.per_class[2].recall) == (None, None)
    assert found.macro_f1 == 1.0
    assert found.top5 is None


def test_balanced_weights_make_every_class_weigh_the_same() -> None:
    counts = [5, 20, 75]
    weights = balanced_weights(counts)
    assert (weights * torch.tensor(counts)).tolist() == pytest.approx([100 / 3] * 3, rel=1e-5)


def test_the_loss_takes_labels_and_shares_alike() -> None:
    logits, labels = some_answers()
    shares = torch.nn.functional.one_hot(labels, 7).float()
    assert cross_entropy(logits, labels).item() == pytest.approx(
        cross_entropy(logits, shares).item(), rel=1e-6
    )
