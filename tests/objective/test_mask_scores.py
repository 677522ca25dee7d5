"""Scores of masks against scikit-learn on the flattened pixels, over a set of pictures of unlike sizes."""

from itertools import pairwise

import pytest
import torch
from sklearn import metrics
from torch import Tensor

from residua.objective import MaskCounts, count_pixels, mask_scores
from residua.types import VOID

NAMES = ("sky", "road", "car", "tram")


def pictures() -> list[tuple[Tensor, Tensor]]:
    """Return truths and guesses of unlike sizes; the last class is nowhere."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for height, width in ((12, 9), (20, 31), (7, 7)):
        truth = torch.randint(0, 3, (1, height, width), generator=generator)
        wrong = torch.rand(truth.shape, generator=generator) < 0.4
        guess = torch.where(wrong, (truth + 1) % 3, truth)
        truth[torch.rand(truth.shape, generator=generator) < 0.2] = VOID
        found.append((truth, guess))
    return found


def counted(found: list[tuple[Tensor, Tensor]]) -> MaskCounts:
    return sum((count_pixels(truth, guess, 4, loss=1.0) for truth, guess in found), MaskCounts.none(4))


def test_scores_are_those_of_scikit_learn_on_the_flattened_pixels() -> None:
    found = pictures()
    truth = torch.cat([of.flatten() for of, _ in found])
    guess = torch.cat([of.flatten() for _, of in found])
    kept = truth != VOID
    truth, guess = truth[kept], guess[kept]
    scores = mask_scores(counted(found), NAMES)
    labels = [0, 1, 2]
    ious = metrics.jaccard_score(truth, guess, average=None, labels=labels).tolist()
    dices = metrics.f1_score(truth, guess, average=None, labels=labels).tolist()
    assert [one.iou for one in scores.per_class[:3]] == pytest.approx(ious)
    assert [one.dice for one in scores.per_class[:3]] == pytest.approx(dices)
    assert scores.mean_iou == pytest.approx(sum(ious) / 3)
    assert scores.mean_dice == pytest.approx(sum(dices) / 3)
    assert scores.pixel_accuracy == pytest.approx(metrics.accuracy_score(truth, guess))
    expected = metrics.confusion_matrix(truth, guess, labels=[0, 1, 2, 3])
    assert scores.confusion == tuple(map(tuple, expected.tolist()))
    assert (scores.pixels, scores.void) == (int(kept.sum()), int((~kept).sum()))
    assert scores.loss == pytest.approx(3.0 / int(kept.sum()))


def test_a_class_that_nobody_has_takes_no_part_in_the_means() -> None:
    scores = mask_scores(counted(pictures()), NAMES)
    tram = scores.per_class[3]
    assert (tram.pixels, tram.guesses, tram.iou, tram.dice, tram.boundary_iou) == (0, 0, None, None, None)


def test_it_is_one_set_and_no_mean_over_pictures() -> None:
    full = torch.ones(1, 10, 10, dtype=torch.long)
    speck = torch.zeros(1, 10, 10, dtype=torch.long)
    speck[0, 0, 0] = 1
    nothing = torch.zeros_like(speck)
    both = count_pixels(full, full, 2) + count_pixels(speck, nothing, 2)
    assert mask_scores(both, ("a", "b")).per_class[1].iou == pytest.approx(100 / 101)


def test_without_edges_there_is_no_boundary_score() -> None:
    truth, guess = pictures()[1]
    scores = mask_scores(count_pixels(truth, guess, 4, edges=False), NAMES)
    assert scores.mean_boundary_iou is None
    assert scores.mean_iou > 0


def test_only_void_gives_scores_of_0() -> None:
    void = torch.full((1, 4, 4), VOID)
    scores = mask_scores(count_pixels(void, torch.zeros_like(void), 2), ("a", "b"))
    assert (scores.mean_iou, scores.pixel_accuracy, scores.pixels, scores.void) == (0, 0, 0, 16)


def test_the_wider_the_error_the_lower_the_boundary_score() -> None:
    truth = torch.zeros(1, 60, 60, dtype=torch.long)
    truth[0, 15:45, 15:45] = 1
    found = [mask_scores(count_pixels(truth, truth.roll(by, 1), 2), ("a", "b")) for by in range(5)]
    edges = [one.mean_boundary_iou or 0.0 for one in found]
    assert edges[0] == 1
    assert all(more > less for more, less in pairwise(edges))
    assert all(one.mean_iou > edge for one, edge in zip(found[1:], edges[1:], strict=True))
