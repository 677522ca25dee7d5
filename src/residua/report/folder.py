"""What a report reads from a run folder: every part may be missing, none may be wrong.

The records here name only what the page shows, and ask for less than the ones that training writes: so a run that
was stopped, that diverged, or that another version made has its page too.
"""

from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, TypeVar, final

import msgspec

from residua.errors import BadRun
from residua.files import NOT_JSON
from residua.report.mask_folder import Encoding, MaskEvaluation
from residua.runs import open_run

T = TypeVar("T")
E = TypeVar("E", bound="Evaluation | MaskEvaluation")


class Step(msgspec.Struct, frozen=True):
    """One row of the training log in mid-epoch."""

    step: int
    loss: float | None = None
    lr: float | None = None
    gradient_norm: float | None = None


class Epoch(msgspec.Struct, frozen=True):
    """One row of the training log at the end of an epoch."""

    epoch: int
    step: int = 0
    seconds: float | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    val_mean_iou: float | None = None
    lr: float | None = None
    images_per_second: float | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that happened to the run at a step."""

    text: str
    step: int = 0


class _Kind(msgspec.Struct):
    kind: str = ""


class Config(msgspec.Struct, frozen=True):
    """The settings, and why each one that the user did not give was chosen."""

    config: dict[str, Any] = {}
    chosen: dict[str, str] = {}


class Split(msgspec.Struct, frozen=True):
    """How many pictures a split has, in all and of each class; of masks, pixels and pictures with each class."""

    samples: int = 0
    counts: list[int] = []
    pixels: dict[str, int] = {}
    void: int = 0
    pictures: dict[str, int] = {}


class Data(msgspec.Struct, frozen=True):
    """What was read."""

    data: str = ""
    classes: list[str] = []
    splits: dict[str, Split] = {}
    notes: list[str] = []
    task: str = "classification"
    encoding: Encoding | None = None


class Model(msgspec.Struct, frozen=True):
    """The network that was trained."""

    name: str = ""
    parameters: int | None = None
    macs: int | None = None


class ClassScore(msgspec.Struct, frozen=True):
    """How well one class is found."""

    name: str
    samples: int
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None


class Bin(msgspec.Struct, frozen=True):
    """Pictures whose guesses were given a probability between `low` and `high`."""

    low: float
    high: float
    samples: int
    confidence: float | None = None
    accuracy: float | None = None


class Mistake(msgspec.Struct, frozen=True):
    """A picture that was taken for something else."""

    name: str
    truth: str
    guess: str
    probability: float
    truth_probability: float | None = None
    thumbnail: str | None = None


class Evaluation(msgspec.Struct, frozen=True):
    """How the finished network did on one split; `confusion` has the truth in rows, the guess in columns."""

    samples: int
    classes: list[str]
    top1: float
    split: str = "test"
    loss: float | None = None
    top5: float | None = None
    macro_f1: float | None = None
    ece: float | None = None
    per_class: list[ClassScore] = []
    confusion: list[list[int]] = []
    bins: list[Bin] = []
    mistakes: list[Mistake] = []


class Verified(msgspec.Struct, frozen=True):
    """What an exported file did on held-out pictures."""

    pictures: int
    difference: float
    agreement: float
    accuracy_before: float
    accuracy: float
    milliseconds_before: float
    milliseconds: float
    batch: int
    runtime: str


class Export(msgspec.Struct, frozen=True):
    """A file that was exported from the run."""

    file: str
    precision: str
    inside: bool
    bytes: int
    verified: Verified


class Exports(msgspec.Struct, frozen=True):
    """All of them, oldest first."""

    files: list[Export] = []


@final
@dataclass(frozen=True)
class RunFolder:
    """A run folder as read; what was not there is empty or None."""

    path: Path
    config: Config = field(default_factory=Config)
    environment: dict[str, Any] = field(default_factory=dict)
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    steps: list[Step] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    evaluation: Evaluation | None = None
    exports: list[Export] = field(default_factory=list)
    masks: MaskEvaluation | None = None

    @property
    def segments(self) -> bool:
        """Whether the run was trained on masks."""
        return self.data.task == "segmentation"

    @property
    def evaluated(self) -> bool:
        """Whether the finished network was measured."""
        return self.evaluation is not None or self.masks is not None

    @property
    def planned_epochs(self) -> int | None:
        """The number of epochs that the settings ask for."""
        planned = self.config.config.get("epochs")
        return planned if isinstance(planned, int) else None

    @property
    def network_name(self) -> str:
        """The name of the network, from the model file or else from the settings."""
        return self.model.name or str(self.config.config.get("model") or "a network")

    @property
    def data_name(self) -> str:
        """The data as the user named it."""
        return self.data.data or str(self.config.config.get("data") or "unnamed data")

    @property
    def short_data_name(self) -> str:
        """The last part of that name, without the folders above it."""
        return PurePath(self.data_name).name or self.data_name


def read(folder: Path) -> RunFolder:
    """Read what is there of the run in `folder`.

    Raises:
        BadRun: the folder is no run, or one of its files is damaged.
    """
    run = open_run(folder)
    steps, epochs, events = _read_rows(run.metrics)
    data = _read(run.data, Data) or Data()
    segments = data.task == "segmentation"
    return RunFolder(
        path=run.folder,
        config=_read(run.config, Config) or Config(),
        environment=_read(run.environment, dict) or {},
        data=data,
        model=_read(run.folder / "model.json", Model) or Model(),
        steps=steps,
        epochs=epochs,
        events=events,
        evaluation=None if segments else _read_evaluation(run.evaluation, Evaluation),
        masks=_read_evaluation(run.evaluation, MaskEvaluation) if segments else None,
        exports=(_read(run.folder / "export" / "exports.json", Exports) or Exports()).files,
    )


def _read(path: Path, kind: type[T]) -> T | None:
    if not path.is_file():
        return None
    return _decode(path.read_bytes(), kind, path)


def _decode(text: bytes, kind: type[T], path: Path) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except NOT_JSON as error:
        raise BadRun(
            f"{path} cannot be read: {error}. Restore it, or move it away, then try again"
        ) from error


def _read_evaluation(folder: Path, kind: type[E]) -> E | None:
    """The test split if it was evaluated, else the validation split, else any other."""
    others = sorted(folder.glob("*.json"))
    for path in (folder / "test.json", folder / "val.json", *others):
        evaluation = _read(path, kind)
        if evaluation is not None and evaluation.samples > 0:
            return evaluation
    return None


def _read_rows(path: Path) -> tuple[list[Step], list[Epoch], list[Event]]:
    """Read the log in order; where a resumed run wrote a step or an epoch again, the later row counts."""
    steps: dict[int, Step] = {}
    epochs: dict[int, Epoch] = {}
    events: list[Event] = []
    lines = path.read_bytes().split(b"\n") if path.is_file() else []
    # A run that was killed may end in half a row; a whole row ends in a newline.
    for line in filter(None, lines[:-1]):
        match _decode(line, _Kind, path).kind:
            case "step":
                step = _decode(line, Step, path)
                steps[step.step] = step
            case "epoch":
                epoch = _decode(line, Epoch, path)
                epochs[epoch.epoch] = epoch
            case "event":
                events.append(_decode(line, Event, path))
    return [steps[key] for key in sorted(steps)], [epochs[key] for key in sorted(epochs)], events
