"""Which pictures a run was, or was not, trained on."""

import msgspec

from residua.data import Split, open_split, reopen
from residua.errors import BadData, BadRun
from residua.runs import Model, Run
from residua.training.job import DataRecord


def own_split(run: Run, data: str | None, split: str | None, model: Model) -> tuple[Split, str]:
    """Return the split to evaluate a run on, and the data's name.

    The data of the run itself is opened as the run divided it, so that nothing it learned from is scored as new.

    Args:
        run: that trained the model.
        data: as the user named it; None for the run's own.
        split: its name; None for the last of train, val, test.
        model: whose classes the labels stand for.

    Raises:
        BadRun: the run's record of its data cannot be read.
        BadData: there is no such split, or the data has changed.
    """
    try:
        record = msgspec.json.decode(run.data.read_bytes(), type=DataRecord)
    except (msgspec.DecodeError, OSError) as error:
        raise BadRun(f"{run.data} cannot be read: {error}") from error
    if data is not None and data != record.data:
        return open_split(data, classes=model.classes, split=split), data
    source = reopen(record.data, record.description)
    name = split or [known for known in ("train", "val", "test") if known in source.splits][-1]
    if name not in source.splits:
        raise BadData(f"{record.data} has no split '{name}'; it has {', '.join(source.splits)}")
    return source.splits[name], record.data
