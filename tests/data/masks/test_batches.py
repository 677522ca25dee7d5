"""The same batches from memory, from files, from worker processes, and from the middle of an epoch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from residua.data import Batching
from residua.data.masks import (
    MaskAugment,
    MaskBatch,
    MaskBatches,
    MaskPreprocess,
    MaskSource,
    load_masks,
    open_masks,
)
from tests.data.masks.make import blobs, saved, two_folders


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> MaskSource:
    return open_masks(two_folders(tmp_path_factory.mktemp("discs"), 24))


def batches(source: MaskSource, *, workers: int | None = None, seed: int = 5) -> MaskBatches:
    preprocess = MaskPreprocess.for_source(source, crop=24, scale=0.75)
    augment = MaskAugment(mirror=True, upend=True, turn=30, zoom=1.5, bend=0.05, recolour=0.4)
    train = source.splits["train"]
    return MaskBatches(
        train,
        preprocess,
        augment=augment,
        batching=Batching(size=4, seed=seed, shuffle=True),
        workers=workers,
    )


def assert_same(ours: list[MaskBatch], theirs: list[MaskBatch]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.masks, b.masks)
        assert torch.equal(a.indices, b.indices)


def test_memory_files_and_workers_give_the_same_bits(source: MaskSource) -> None:
    held = load_masks(source, MaskPreprocess.for_source(source, crop=24, scale=0.75))
    assert type(held.splits["train"].pairs).__name__ == "HeldPairs"
    expected = list(batches(held).epoch(3))
    assert_same(list(batches(source, workers=0).epoch(3)), expected)
    assert_same(list(batches(source, workers=2).epoch(3)), expected)


def test_an_epoch_may_begin_anywhere(source: MaskSource) -> None:
    whole = list(batches(source, workers=0).epoch(2))
    assert_same(list(batches(source, workers=0).epoch(2, start=3)), whole[3:])


def test_epochs_and_seeds_differ(source: MaskSource) -> None:
    first = next(batches(source, workers=0).epoch(1))
    for other in (batches(source, workers=0).epoch(2), batches(source, workers=0, seed=6).epoch(1)):
        assert not torch.equal(first.images, next(other).images)


def test_reading_draws_nothing_from_the_global_random_state(source: MaskSource) -> None:
    before = torch.get_rng_state()
    list(batches(source, workers=2).epoch(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_whole_pictures_come_with_their_masks_at_the_original_size(tmp_path: Path) -> None:
    """Pictures of unlike sizes come in batches of neighbours of one size, and none is changed."""
    sizes = [(40, 56), (40, 56), (33, 47), (33, 47), (33, 47), (40, 56)]
    for index, (height, width) in enumerate(sizes):
        picture, mask = blobs(1, seed=index, height=height, width=width)[0]
        for split in ("train", "val"):
            saved(tmp_path / split / "images" / f"{index}.png", picture)
            saved(tmp_path / split / "masks" / f"{index}.png", mask)
    source = open_masks(tmp_path)
    preprocess = MaskPreprocess.for_source(source, scale=0.5)
    val = MaskBatches(source.splits["val"], preprocess, augment=None, batching=Batching(size=2), workers=0)
    found = list(val.epoch(0))
    assert [tuple(batch.masks.shape) for batch in found] == [
        (2, 40, 56),
        (2, 33, 47),
        (1, 33, 47),
        (1, 40, 56),
    ]
    assert [tuple(batch.images.shape[2:]) for batch in found] == [(20, 28), (16, 24), (16, 24), (20, 28)]
    assert len(val) == 4
    masks = [mask for batch in found for mask in batch.masks.numpy()]
    assert all(
        np.array_equal(mask, blobs(1, seed=index, height=sizes[index][0], width=sizes[index][1])[0][1])
        for index, mask in enumerate(masks)
    )
