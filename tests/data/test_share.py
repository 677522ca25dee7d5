"""The parts of all processes are the batches of one, in their order."""

import pytest
import torch

from residua.data import Augment, Batches, Batching, Preprocess, Share, open_source
from residua.data.masks import MaskAugment, MaskBatches, MaskPreprocess, open_masks


@pytest.mark.parametrize("mixup", [0.0, 0.4])
@pytest.mark.parametrize("size", [2, 3])
def test_parts_of_pictures(size: int, mixup: float) -> None:
    source = open_source("digits")
    preprocess = Preprocess.for_source(source)

    def batches(share: Share) -> Batches:
        return Batches(
            source.splits["val"],
            preprocess,
            augment=Augment.for_source(source, preprocess, mixup=mixup),
            batching=Batching(size=64, seed=3, shuffle=True),
            share=share,
        )

    parts = zip(*(batches(Share(rank, size)).epoch(2, start=1) for rank in range(size)), strict=True)
    for whole, several in zip(batches(Share()).epoch(2, start=1), parts, strict=True):
        for name in ("images", "targets", "indices"):
            assert torch.equal(getattr(whole, name), torch.cat([getattr(share, name) for share in several]))


def test_parts_of_masks_some_of_them_empty() -> None:
    source = open_masks("scenes")
    split = source.splits["val"].chosen(list(range(5)))
    preprocess = MaskPreprocess.for_source(source)

    def batches(share: Share) -> MaskBatches:
        augment = MaskAugment.for_source(source)
        return MaskBatches(
            split,
            preprocess,
            augment=augment,
            batching=Batching(size=3, seed=3, shuffle=True),
            workers=0,
            share=share,
        )

    parts = zip(*(batches(Share(rank, 4)).epoch(1) for rank in range(4)), strict=True)
    for whole, several in zip(batches(Share()).epoch(1), parts, strict=True):
        assert 0 in [len(share.images) for share in several]
        for name in ("images", "masks", "indices"):
            assert torch.equal(getattr(whole, name), torch.cat([getattr(share, name) for share in several]))
