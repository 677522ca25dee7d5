"""Smaller pictures in the early epochs: their size, their values, and that nothing else changes."""

import torch

from residua.data import Batches, Batching, Growing, Preprocess, open_source
from residua.data.growing import reduced

SOURCE = open_source("digits")


def full() -> Batches:
    return Batches(
        SOURCE.splits["train"],
        Preprocess.for_source(SOURCE),
        augment=None,
        batching=Batching(size=128, seed=3, shuffle=True),
    )


def test_two_thirds_of_the_epochs_are_small_and_the_rest_is_as_it_was() -> None:
    growing = Growing(full(), side=6, epochs=7)
    sides = [next(growing.epoch(epoch)).images.shape[-2:] for epoch in range(1, 8)]
    assert sides == [(6, 6)] * 4 + [(8, 8)] * 3
    small, whole = next(growing.epoch(4)), next(full().epoch(4))
    assert torch.equal(small.images, reduced(whole.images, 6))
    assert torch.equal(small.targets, whole.targets)
    assert torch.equal(small.indices, whole.indices)
    assert torch.equal(next(growing.epoch(5)).images, next(full().epoch(5)).images)


def test_an_early_epoch_can_be_begun_anywhere() -> None:
    growing = Growing(full(), side=6, epochs=3)
    whole = [batch.images for batch in growing.epoch(2)]
    assert len(whole) == len(growing) > 3
    rest = [batch.images for batch in growing.epoch(2, start=3)]
    assert all(torch.equal(a, b) for a, b in zip(whole[3:], rest, strict=True))


def test_a_training_of_one_epoch_sees_pictures_at_their_own_size() -> None:
    assert next(Growing(full(), side=6, epochs=1).epoch(1)).images.shape[-1] == 8


def test_a_smaller_picture_keeps_its_mean() -> None:
    halves = torch.zeros(1, 3, 8, 8)
    halves[..., 4:] = 1.0
    smaller = reduced(halves, 6)
    assert smaller.shape == (1, 3, 6, 6)
    torch.testing.assert_close(smaller.mean(), torch.tensor(0.5))
    assert smaller[..., 0].max() < 0.01 and smaller[..., 5].min() > 0.99
