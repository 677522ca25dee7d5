"""The measurements of a run: one JSON object a line, told apart by `kind`."""

from pathlib import Path

import msgspec

from residua.errors import BadRun
from residua.files import NOT_JSON, reading, write_text, writing


class StepRow(msgspec.Struct, frozen=True, kw_only=True, tag="step", tag_field="kind"):
    """One step, now and then: its loss, learning rate and the norm of the whole gradient."""

    step: int
    epoch: int
    loss: float
    lr: float
    gradient_norm: float


class EpochRow(msgspec.Struct, frozen=True, kw_only=True, tag="epoch", tag_field="kind"):
    """One epoch; accuracy in training is None where labels were mixed. The val scores are of the averaged weights.

    With masks the accuracies are shares of pixels, and `val_mean_iou` is there too.
    """

    epoch: int
    step: int
    seconds: float
    train_loss: float
    train_accuracy: float | None
    val_loss: float
    val_accuracy: float
    val_mean_iou: float | None = None
    lr: float
    images_per_second: float


class EventRow(msgspec.Struct, frozen=True, kw_only=True, tag="event", tag_field="kind"):
    """Something that happened: a resume, an early stop, a damaged checkpoint."""

    step: int
    text: str


Row = StepRow | EpochRow | EventRow


def append_row(path: Path, row: Row) -> None:
    """Add a row to the file.

    Raises:
        BadRun: the disk is full or read-only.
    """
    with writing(path), path.open("ab") as file:
        file.write(msgspec.json.encode(row) + b"\n")


def read_rows(path: Path) -> list[Row]:
    """Return the rows of the file, oldest first; a last line cut short by a crash is left out.

    Raises:
        BadRun: the file cannot be read, or a line before the last is damaged.
    """
    if not path.exists():
        return []
    with reading(path):
        lines = path.read_bytes().split(b"\n")[:-1]
    try:
        return [msgspec.json.decode(line, type=Row) for line in lines if line]
    except NOT_JSON as error:
        raise BadRun(f"{path} cannot be read: {error}; a line of it is damaged, take it out") from error


def keep_rows(path: Path, *, until: int) -> None:
    """Drop the rows after step `until`: a resumed run writes them again."""
    kept = [row for row in read_rows(path) if row.step <= until]
    write_text(path, "".join(msgspec.json.encode(row).decode() + "\n" for row in kept))
