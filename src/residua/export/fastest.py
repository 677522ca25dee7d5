"""The fastest runtime for what a user named: every one that can run it is timed once, and the winner remembered."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, final

import msgspec
import torch
from torch import Tensor

from residua.archives import archive_in
from residua.compiling import processor
from residua.errors import BadRun, MissingExtra, ResiduaError
from residua.export.bundle import Card, form_of
from residua.export.job import FOLDER, example, load, read_record
from residua.export.job import RECORD as EXPORTS
from residua.export.onnx_program import OnnxProgram
from residua.export.openvino_program import OpenVinoProgram
from residua.export.program import Program
from residua.export.torch_program import as_program
from residua.export.verify import milliseconds
from residua.files import reading
from residua.runs import load_model, read_json, write_json
from residua.runs.folder import RUNS
from residua.runs.model import read_card
from residua.training.processor import open_device

RECORD: Final = "fastest.json"
BATCH, SECONDS = 8, 0.3


@final
@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to run what was named."""

    name: str
    load: Callable[[], Program]


class Times(msgspec.Struct, frozen=True):
    """What was timed, None where it cannot be loaded, and on what; those of another machine are not used."""

    here: str
    milliseconds: dict[str, float | None]


def open_fastest(target: str | Path, *, device: str | None = None) -> Program:
    """Load what a user named into the fastest runtime that is installed.

    An ONNX file can be run by ONNX Runtime and by OpenVINO; a run by PyTorch, and by whatever it has exported in
    float32. A lower precision is taken only where its file is named: it gives other answers. Each is timed for a third
    of a second, the first time; the times are kept beside the target, if that can be written to.

    Args:
        target: an exported file, the folder of a run, or its bare name under `runs/`.
        device: for PyTorch; with one nothing else is tried.

    Raises:
        BadRun: there is no such thing.
        MissingExtra: no runtime that can run it is installed.
    """
    place = open_device(device)
    found = candidates(Path(target), place)
    if device is not None:
        found = found[:1]
    if len(found) == 1:
        return found[0].load()
    record = record_of(Path(target))
    times = known_times(record, found) or measured(record, found)
    best = min(times, key=lambda name: times[name])
    return next(candidate for candidate in found if candidate.name == best).load()


def candidates(target: Path, device: torch.device) -> list[Candidate]:
    """Return every way to run a target; of a run PyTorch is the first."""
    match form_of(target) if target.is_file() else None:
        case None:
            return of_run(folder_of(target), device)
        case "onnx":
            return of_onnx(target)
        case _:
            return [Candidate(target.name, lambda: load(target, device))]


def of_onnx(path: Path) -> list[Candidate]:
    """Return both runtimes that read ONNX."""
    name = path.name
    return [
        Candidate(f"{name} in ONNX Runtime", lambda: OnnxProgram(path)),
        Candidate(f"{name} in OpenVINO", lambda: OpenVinoProgram(path, card_of_onnx(path))),
    ]


def card_of_onnx(path: Path) -> Card:
    """Return the card of an ONNX file, which ONNX Runtime reads."""
    return OnnxProgram(path).card


def of_run(folder: Path, device: torch.device) -> list[Candidate]:
    """Return the network of a run in PyTorch, and what was exported of it in float32 since it was last trained."""

    def plain() -> Program:
        card = Card(model=read_card(folder / "model.json"))
        return as_program(load_model(folder).network, card, device)

    found = [Candidate("the run in PyTorch", plain)]
    if device.type != "cpu":
        return found
    trained = (folder / "model.safetensors").stat().st_mtime
    for one in read_record(folder / FOLDER / EXPORTS):
        path = folder / FOLDER / one.file
        same = one.precision == "fp32" and not one.inside and one.form in ("onnx", "openvino")
        if same and path.is_file() and path.stat().st_mtime >= trained:
            found += candidates(path, device)
    return found


def folder_of(target: Path) -> Path:
    """Return the folder of a run that holds a model."""
    for folder in (target, RUNS / target):
        with reading(folder):
            if (folder / "model.json").is_file():
                return folder
    if target.is_file() and (archive := archive_in(target)):
        raise BadRun(
            f"{target} is {archive}; nothing was taken out. If you trust it, unpack it yourself and name the folder"
        )
    raise BadRun(
        f"{target} is neither an exported file nor a run with a model; `residua train` makes a run, and "
        "`residua export RUN` a file"
    )


def record_of(target: Path) -> Path:
    """Return where the times of a target are kept."""
    return target.parent / RECORD if target.is_file() else folder_of(target) / FOLDER / RECORD


def here() -> str:
    """Return what times depend on: the processor, the threads, and the versions of the runtimes."""
    versions = []
    for package in ("torch", "onnxruntime", "openvino"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    return ", ".join((processor(), f"{torch.get_num_threads()} threads", *versions))


def known_times(record: Path, found: list[Candidate]) -> dict[str, float] | None:
    """Return the times of these candidates if all were taken here, else None."""
    try:
        kept = read_json(record, Times)
    except BadRun:
        return None
    names = {candidate.name for candidate in found}
    if kept.here != here() or names != kept.milliseconds.keys():
        return None
    return {name: time for name, time in kept.milliseconds.items() if time is not None} or None


def measured(record: Path, found: list[Candidate]) -> dict[str, float]:
    """Time every candidate that can be loaded, and keep the times.

    Raises:
        MissingExtra: none can, for want of a package.
    """
    times: dict[str, float] = {}
    missing: ResiduaError | None = None
    for candidate in found:
        try:
            program = candidate.load()
        except MissingExtra as error:
            missing = error
            continue
        times[candidate.name] = milliseconds(program, batch_for(program.card), SECONDS)
    if not times:
        assert missing is not None
        raise missing
    try:
        record.parent.mkdir(exist_ok=True)
        write_json(record, Times(here(), {one.name: times.get(one.name) for one in found}))
    except (BadRun, OSError):
        pass  # it will be timed again
    return times


def batch_for(card: Card) -> Tensor:
    """Return a batch of pictures to time a program with."""
    return example(card)[:1].repeat(BATCH, 1, 1, 1)
