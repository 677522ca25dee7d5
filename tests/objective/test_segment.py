"""Masks against scikit-learn and against a loop over pixels; void, and classes that are nowhere."""

import pytest
import torch
from sklearn import metrics
from torch import Tensor

from residua.errors import BadInput
from residua.objective import boundary_overlap, pixel_confusion, ratios, region_overlap
from tests.oracle import masks

CLASSES = 4


def blocks(seed: int) -> tuple[Tensor, Tensor]:
    """Return masks with regions large enough to have an inside, and a guess that is wrong here and there."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, CLASSES, (3, 4, 5), generator=generator)
    truth = coarse.repeat_interleave(5, 1).repeat_interleave(4, 2)
    guess = truth.roll((1, -1), (1, 2))
    wrong = torch.rand(truth.shape, generator=generator) < 0.02
    return truth, torch.where(wrong, (guess + 1) % CLASSES, guess)


def test_regions_agree_with_scikit_learn() -> None:
    truth, guess = blocks(0)
    matrix = pixel_confusion(truth, guess, CLASSES)
    assert matrix.tolist() == metrics.confusion_matrix(truth.flatten(), guess.flatten()).tolist()
    expected = metrics.jaccard_score(truth.flatten(), guess.flatten(), average=None)
    assert ratios(region_overlap(matrix)).tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("width", [1, 2, 30])
def test_boundaries_agree_with_a_loop_over_pixels(seed: int, width: int) -> None:
    truth, guess = blocks(seed)
    expected = masks.overlap(truth.tolist(), guess.tolist(), CLASSES, width=width)
    assert boundary_overlap(truth, guess, CLASSES, width=width).tolist() == expected
    whole = masks.overlap(truth.tolist(), guess.tolist(), CLASSES, width=None)
    assert region_overlap(pixel_confusion(truth, guess, CLASSES)).tolist() == whole
    if width == 30:  # wider than any region: all of it is edge
        assert expected == whole


def test_batches_add_up_to_the_set() -> None:
    truth, guess = blocks(1)
    for count in (
        lambda t, g: pixel_confusion(t, g, CLASSES),
        lambda t, g: boundary_overlap(t, g, CLASSES, width=2),
    ):
        parts = [count(truth[n : n + 1], guess[n : n + 1]) for n in range(len(truth))]
        assert torch.equal(torch.stack(parts).sum(0), count(truth, guess))


def test_what_is_guessed_on_void_changes_nothing() -> None:
    truth, guess = blocks(2)
    truth[:, :6, :7] = 255
    other = guess.clone()
    other[:, :6, :7] = torch.randint(0, CLASSES, (3, 6, 7))
    seen = [
        (
            pixel_confusion(truth, answer, CLASSES, void=255),
            boundary_overlap(truth, answer, CLASSES, width=1, void=255),
        )
        for answer in (guess, other)
    ]
    assert all(torch.equal(one, two) for one, two in zip(*seen, strict=True))
    assert seen[0][0].sum() == (truth != 255).sum()


def test_a_right_guess_beside_void_is_wholly_right() -> None:
    truth, _ = blocks(0)
    guess = truth.clone()
    truth[:, 3:9] = 255
    assert ratios(boundary_overlap(truth, guess, CLASSES, width=2, void=255)).nanmean() == 1


def test_all_void_is_not_a_number_and_no_error() -> None:
    truth = torch.full((1, 4, 4), 255)
    matrix = pixel_confusion(truth, torch.zeros(1, 4, 4, dtype=torch.long), 2, void=255)
    assert matrix.sum() == 0
    assert ratios(region_overlap(matrix)).isnan().all()


def test_a_value_that_is_no_class_is_named() -> None:
    truth = torch.tensor([[[0, 255]]])
    with pytest.raises(BadInput, match="values from 0 to 255, and there are 2 classes"):
        pixel_confusion(truth, torch.zeros_like(truth), 2)
