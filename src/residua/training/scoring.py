"""How good a trained network is on data that it has not seen, whatever it says of pictures."""

from dataclasses import replace
from pathlib import Path

from residua.data import load_split, open_split
from residua.data.masks import MaskPreprocess, MaskSplit, load_mask_split, open_mask_split, unusable
from residua.data.split import Split
from residua.errors import BadData
from residua.runs import Model, Run
from residua.training.evaluate import Evaluation, evaluate_split, of_pictures
from residua.training.mask_evaluation import MaskEvaluation, evaluate_mask_split
from residua.training.record import read_record, reopened


def evaluate(
    model: Model,
    data: str | Path,
    *,
    split: str | None = None,
    skip_bad: bool = False,
    device: str | None = None,
    workers: int | None = None,
    flips: bool = False,
) -> Evaluation | MaskEvaluation:
    """Evaluate a model on a split of `data`, with the preprocessing of its training.

    Classes of pictures are matched by name, those of masks by the values that they had in training. Without `split`
    the test split is taken, else val, else everything.

    Args:
        model: from `residua.runs.load_model`.
        data: "digits", "scenes", a folder, or a table.
        split: its name.
        skip_bad: leave unreadable pictures out instead of stopping.
        device: to run on; the fastest here if not given.
        workers: processes that read pictures.
        flips: average what is said of each pixel in a picture and in its mirror image.

    Raises:
        BadData: the data cannot be read, or holds a class that the model does not know.
    """
    if isinstance(model.preprocess, MaskPreprocess):
        return evaluate_masks(model, data, split=split, skip_bad=skip_bad, device=device, flips=flips)
    opened = open_split(data, classes=model.classes, split=split)
    pictures, left_out = load_split(opened, of_pictures(model), data, skip_bad=skip_bad)
    return replace(evaluate_split(model, pictures, str(data), device, workers), left_out=left_out)


def evaluate_masks(
    model: Model,
    data: str | Path,
    *,
    split: str | None,
    skip_bad: bool,
    device: str | None,
    flips: bool,
) -> MaskEvaluation:
    """Evaluate a model for masks on a split of some data."""
    assert model.encoding is not None, "a model for masks has an encoding"
    opened, bad = open_mask_split(
        data, encoding=model.encoding, channels=model.preprocess.channels, split=split
    )
    if bad and not skip_bad:
        raise unusable(data, bad)
    found = evaluate_mask_split(model, opened, str(data), device, flips=flips)
    return replace(found, left_out=bad)


def evaluate_run(
    run: Run,
    model: Model,
    data: str | None,
    *,
    split: str | None = None,
    skip_bad: bool = False,
    device: str | None = None,
    flips: bool = False,
) -> Evaluation | MaskEvaluation:
    """Evaluate a run; its own data are opened as it divided them, so that nothing it learned from is scored as new.

    Args:
        run: that trained the model.
        model: of the run.
        data: as the user named them; None for the run's own.
        split: its name; None for the last of train, val, test.
        skip_bad: leave unreadable pictures out instead of stopping.
        device: to run on; the fastest here if not given.
        flips: average what is said of each pixel in a picture and in its mirror image.

    Raises:
        BadRun: the run's record of its data cannot be read.
        BadData: there is no such split, or the data has changed.
    """
    record = read_record(run)
    named = data or record.data
    source = reopened(data, record)
    if source is None:
        return evaluate(model, named, split=split, skip_bad=skip_bad, device=device, flips=flips)
    name = split or [known for known in ("train", "val", "test") if known in source.splits][-1]
    if name not in source.splits:
        raise BadData(f"{named} has no split '{name}'; it has {', '.join(source.splits)}")
    return evaluate_opened(model, source.splits[name], named, skip_bad, device, flips)


def evaluate_opened(
    model: Model, split: Split | MaskSplit, data: str, skip_bad: bool, device: str | None, flips: bool
) -> Evaluation | MaskEvaluation:
    """Evaluate a model on a split that is open and not yet read."""
    if isinstance(split, MaskSplit):
        assert isinstance(model.preprocess, MaskPreprocess), "the run and its model are of one task"
        masks, left_out = load_mask_split(split, model.preprocess, data, skip_bad=skip_bad)
        return replace(evaluate_mask_split(model, masks, data, device, flips=flips), left_out=left_out)
    pictures, left_out = load_split(split, of_pictures(model), data, skip_bad=skip_bad)
    return replace(evaluate_split(model, pictures, data, device), left_out=left_out)
