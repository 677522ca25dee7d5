"""The same batches from memory, from files, from worker processes, and from the middle of an epoch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from residua.data import Augment, BadFile, Batch, Batches, Batching, Preprocess, Source, load, open_source
from residua.errors import BadData


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (root / label).mkdir()
        for index in range(25):
            height, width = random.integers(70, 120, 2)
            pixels = random.integers(0, 256, (height, width, 3), np.uint8)
            Image.fromarray(pixels).save(root / label / f"{index}.png")
    return open_source(root)


def batches(source: Source, *, workers: int | None = None, mixup: float = 0.0) -> Batches:
    preprocess = Preprocess.for_source(source, 48)
    augment = Augment(crop="resized", mirror=True, strong=True, mixup=mixup, cutmix=mixup)
    return Batches(
        source.splits["train"],
        preprocess,
        augment=augment,
        batching=Batching(size=8, seed=5, shuffle=True),
        workers=workers,
    )


def assert_same(ours: list[Batch], theirs: list[Batch]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.targets, b.targets)
        assert torch.equal(a.indices, b.indices)


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_memory_files_and_workers_give_the_same_bits(source: Source, mixup: float) -> None:
    held = load(source, Preprocess.for_source(source, 48))
    expected = list(batches(held, mixup=mixup).epoch(3))
    assert_same(list(batches(source, workers=0, mixup=mixup).epoch(3)), expected)
    assert_same(list(batches(source, workers=2, mixup=mixup).epoch(3)), expected)


def test_an_epoch_may_begin_anywhere(source: Source) -> None:
    whole = list(batches(source, workers=0, mixup=0.4).epoch(2))
    assert_same(list(batches(source, workers=0, mixup=0.4).epoch(2, start=3)), whole[3:])


def test_every_epoch_has_every_picture_once_in_its_own_order(source: Source) -> None:
    orders = [
        [i for batch in batches(source, workers=0).epoch(e) for i in batch.indices.tolist()] for e in (1, 2)
    ]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(len(source.splits["train"])))
    assert orders[0] != orders[1]


def test_reading_draws_nothing_from_the_global_random_state(source: Source) -> None:
    before = torch.get_rng_state()
    list(batches(source, workers=2).epoch(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_mixed_targets_are_shares_that_add_up(source: Source) -> None:
    for batch in batches(source, workers=0, mixup=1.0).epoch(1):
        assert torch.allclose(batch.targets.sum(1), torch.ones(len(batch.targets)))


def test_what_does_not_fit_stays_in_its_files(source: Source) -> None:
    preprocess = Preprocess.for_source(source, 48)
    held, left = load(source, preprocess), load(source, preprocess, memory_limit=0)
    assert type(held.splits["train"].pictures).__name__ == "HeldPictures"
    assert type(left.splits["train"].pictures).__name__ == "FilePictures"


def test_a_file_that_cannot_be_read_is_named_by_loading(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for index in range(10):
            Image.new("L", (9, 9), index).save(tmp_path / label / f"{index}.png")
    (tmp_path / "a" / "4.png").write_bytes(b"")
    source = open_source(tmp_path)
    bad = load(source, Preprocess.for_source(source)).bad
    assert bad == (BadFile("a/4.png", "the file is empty (0 bytes)"),)


def test_a_file_that_goes_bad_is_named_and_no_more_is_claimed_than_is_known(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for index in range(10):
            Image.new("L", (9, 9), 10 * index + len(label)).save(tmp_path / label / f"{index}.png")
    source = open_source(tmp_path)
    name = source.splits["train"].names[3]
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(
        BadData, match=f"{name}: the file is empty .*; put it back as it was .if it could be read before"
    ) as caught:
        list(batches(source, workers=0).epoch(1))
    assert "training" not in str(caught.value)
