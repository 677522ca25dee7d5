"""Which task some data are for, and the task with them opened."""

from collections.abc import Callable
from pathlib import Path

from residua.data import Preprocess, open_source
from residua.data.masks import MaskPreprocess, MaskSource, are_masks, open_masks
from residua.training.recipe import Settings
from residua.training.record import Record
from residua.training.tasks.classification import Classification
from residua.training.tasks.segmentation import Segmentation
from residua.training.tasks.task import Task


def open_task(
    data: str | Path, settings: Settings, *, tell: Callable[[int, int], None] | None = None
) -> Task:
    """Open data that somebody named: class folders and their like, or pictures with masks.

    Args:
        data: as the user named them.
        settings: what the user asked for; refused before the data are read where the task has no use for it.
        tell: told as masks are read how many are done, and of how many.

    Raises:
        BadData: the data cannot be used as they are.
        BadInput: a setting is of no use to them.
    """
    seed = settings.seed or 0
    if not are_masks(data):
        Classification.refuse(settings)
        pictures = open_source(data, seed=seed)
        return Classification(
            source=pictures, preprocess=Preprocess.for_source(pictures, settings.image_size)
        )
    Segmentation.refuse(settings)
    masks = open_masks(data, seed=seed, tell=tell)
    preprocess = MaskPreprocess.for_source(masks, crop=settings.crop, scale=settings.scale or 1.0)
    return Segmentation(source=masks, preprocess=preprocess)


def reopen_task(where: str | Path, record: Record) -> Task:
    """Open the data of a run as the run divided them.

    Raises:
        BadData: they have changed.
    """
    source = record.opened(where)
    if isinstance(source, MaskSource):
        assert isinstance(record.preprocess, MaskPreprocess)
        return Segmentation(source=source, preprocess=record.preprocess)
    assert isinstance(record.preprocess, Preprocess)
    return Classification(source=source, preprocess=record.preprocess)
