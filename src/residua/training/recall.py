"""Which pictures a run was, or was not, trained on."""

from residua.data import Split, open_split
from residua.errors import BadData
from residua.runs import Model, Run, read_json
from residua.training.record import DataRecord, reopened


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
    record = read_json(run.data, DataRecord)
    named = data or record.data
    source = reopened(data, record)
    if source is None:
        return open_split(named, classes=model.classes, split=split), named
    name = split or [known for known in ("train", "val", "test") if known in source.splits][-1]
    if name not in source.splits:
        raise BadData(f"{named} has no split '{name}'; it has {', '.join(source.splits)}")
    return source.splits[name], named
