"""Which task some data are for, and the task with them opened."""

from collections.abc import Callable
from pathlib import Path

from residua.data import Preprocess, Source, is_mask_data, open_data
from residua.data.masks import MaskPreprocess, MaskSource, open_masks, value_of
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
        tell: told as masks or shards are looked through how many are done, and of how many.

    Raises:
        BadData: the data cannot be used as they are.
        BadInput: a setting is of no use to them.
    """
    seed = settings.seed or 0
    if not is_mask_data(data):
        Classification.refuse(settings)
        pictures = open_data(data, seed=seed, tell=tell)
        assert isinstance(pictures, Source)
        return Classification(
            source=pictures, preprocess=Preprocess.for_source(pictures, settings.image_size)
        )
    Segmentation.refuse(settings)
    masks = open_masks(
        data,
        seed=seed,
        classes=parts(settings.classes),
        void=[value_of(value) for value in parts(settings.void)] or None,
        tell=tell,
    )
    preprocess = MaskPreprocess.for_source(masks, crop=settings.crop, scale=settings.scale or 1.0)
    return Segmentation(source=masks, preprocess=preprocess)


def parts(listed: str | None) -> list[str]:
    """Return what stands between the commas of a setting.

    >>> parts("sky, road"), parts(None)
    (['sky', 'road'], [])
    """
    return [part.strip() for part in (listed or "").split(",") if part.strip()]


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
