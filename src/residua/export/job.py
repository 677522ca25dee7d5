"""The whole export: a file written, run in its own runtime beside the network, and kept only if it does the same."""

import copy
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, assert_never, final

import msgspec
import torch
from torch import Tensor

from residua.data.masks import MaskPreprocess
from residua.errors import BadInput, BadRun
from residua.export.bundle import SUFFIXES, Card, Form, Precision, form_of
from residua.export.onnx_program import OnnxProgram, quantise, write_onnx
from residua.export.openvino_program import OpenVinoProgram, has_bfloat16, write_openvino
from residua.export.pictures import HeldOut, gathered, own_split
from residua.export.program import Program
from residua.export.torch_program import (
    as_described,
    as_program,
    read_pt2,
    read_safetensors,
    write_pt2,
    write_safetensors,
)
from residua.export.verify import Verification, judge, verify
from residua.files import writing
from residua.nets.network import Network
from residua.runs import Model, load_model, open_run, read_json, write_json
from residua.runs.model import card_of

FOLDER: Final = "export"
RECORD: Final = "exports.json"
CALIBRATION, HELD_OUT = 256, 1000
CPU: Final = torch.device("cpu")

REFUSED: Final = {
    ("onnx", "bf16"): "ONNX Runtime has no bfloat16 convolutions for CPUs; take int8, or --to openvino",
    ("pt2", "int8"): "PyTorch programs are written in fp32 or bf16; for int8 take --to onnx or openvino",
    ("safetensors", "int8"): "weights alone are written in fp32 or bf16; for int8 take --to onnx or openvino",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to write.

    Attributes:
        form: of the file.
        precision: of the numbers in it.
        inside: put the preprocessing into the program.
        names: under which weights alone are written; ours if None.
        tolerance: points of accuracy that it may lose.
        licence: of the weights, for the metadata; what the model's card says if None.
    """

    form: Form
    precision: Precision = "fp32"
    inside: bool = False
    names: str | None = None
    tolerance: float = 0.5
    licence: str | None = None


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was written, and what it does."""

    file: str
    form: str
    precision: str
    inside: bool
    bytes: int
    verified: Verification


class Record(msgspec.Struct, frozen=True):
    """What a run has exported, oldest first."""

    files: tuple[Exported, ...] = ()


def export(
    run: str | Path, wanted: Wanted, *, data: str | None = None, to: Path | None = None
) -> tuple[Path, Exported]:
    """Write the network of a run for another program to run, and prove that it does the same.

    The file is run in its own runtime on pictures that the run held out (the test split, else val), up to 1,000, and
    compared with the network. For int8 the ranges of the activations come from 256 of the training pictures.

    Args:
        run: its folder, or its bare name under `runs/`.
        wanted: what to write.
        data: where the data of the run is now, if it has moved.
        to: the path to write; RUN/export/NAME by default.

    Returns:
        the path of the file, and what it does.

    Raises:
        BadRun: there is no such run, or the file cannot be written.
        BadData: the data of the run is not there any more.
        BadInput: no runtime has such a file.
        BadExport: the file does not do what the network does; none is left.
        MissingExtra: a package of the extra "export" is not installed.
    """
    refuse_what_no_runtime_has(wanted)
    opened = open_run(run)
    model = load_model(opened.folder)
    if wanted.inside and isinstance(model.preprocess, MaskPreprocess) and model.preprocess.scale < 1:
        raise BadInput(
            f"--inside: {model.name} sees pictures reduced to {model.preprocess.scale:g}; leave it out"
        )
    held_out, training = own_split(opened, data, None), own_split(opened, data, "train")
    path = to or opened.folder / FOLDER / file_name(model, wanted)
    done = export_model(
        model,
        wanted,
        held_out=gathered(held_out, model.preprocess, HELD_OUT, inside=wanted.inside),
        calibration=gathered(training, model.preprocess, CALIBRATION, inside=wanted.inside).given,
        path=path,
    )
    if to is None:
        keep_record(opened.folder / FOLDER / RECORD, done)
    return path, done


def refuse_what_no_runtime_has(wanted: Wanted) -> None:
    """Raise `BadInput` for a form that cannot have the precision or the options."""
    asked = f"--to {wanted.form} --precision {wanted.precision}"
    if reason := REFUSED.get((wanted.form, wanted.precision)):
        raise BadInput(f"{asked}: {reason}")
    if wanted.names is not None and wanted.form != "safetensors":
        raise BadInput(f"--names {wanted.names} is of weights alone; take --to safetensors")
    if wanted.inside and wanted.form == "safetensors":
        raise BadInput("--inside: weights alone hold no preprocessing; take another form")
    if wanted.form == "openvino" and wanted.precision == "bf16" and not has_bfloat16():
        raise BadInput(
            f"{asked}: this processor has no bfloat16, so it cannot be verified here; take fp32 or int8"
        )


def file_name(model: Model, wanted: Wanted) -> str:
    """Return what a file is called: its network, and what is unlike the plain export."""
    suffix = next(suffix for suffix, form in SUFFIXES.items() if form == wanted.form)
    words = [model.name]
    words += [wanted.precision] if wanted.precision != "fp32" else []
    words += ["inside"] if wanted.inside else []
    words += [wanted.names] if wanted.names else []
    return "-".join(words) + suffix


def export_model(
    model: Model, wanted: Wanted, *, held_out: HeldOut, calibration: Sequence[Tensor], path: Path
) -> Exported:
    """Write a model to a path, verified on the pictures given; the rest is as in `export`."""
    if wanted.licence is not None:
        model = replace(model, licence=wanted.licence)
    card = Card(model=card_of(model, {}), precision=wanted.precision, inside=wanted.inside)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".export-", dir=path.parent))
    try:
        draft = folder / path.name
        write(draft, model.network.eval(), wanted, card, calibration)
        program = load(draft, CPU)
        network = as_program(model.network, Card(model=card.model), CPU)
        found = verify(program, network, held_out, runtime=program.runtime)
        judge(found, precision=wanted.precision, inside=wanted.inside, points=wanted.tolerance)
        files = list(folder.iterdir())
        size = sum(file.stat().st_size for file in files)
        with writing(path):
            for file in files:
                file.replace(path.parent / file.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Exported(
        file=path.name,
        form=wanted.form,
        precision=wanted.precision,
        inside=wanted.inside,
        bytes=size,
        verified=found,
    )


def write(path: Path, network: Network, wanted: Wanted, card: Card, calibration: Sequence[Tensor]) -> None:
    """Write a network in the form that is wanted."""
    network = copy.deepcopy(network).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # stubs
    if wanted.form == "safetensors":
        write_safetensors(path, network, card, names=wanted.names)
        return
    free = (0, 2, 3) if card.segments or card.inside else (0,)
    if wanted.form == "pt2":
        write_pt2(path, as_described(network, card), example(card), card, free=free)
        return
    # bfloat16 is how OpenVINO computes; in the file the network is as it is in float32.
    plain = Card(model=card.model, inside=card.inside)
    onnx = path.with_suffix(".onnx")
    write_onnx(onnx, as_described(network, plain), example(card), card, free=free)
    if wanted.precision == "int8":
        quantise(onnx, calibration)
    if wanted.form == "openvino":
        write_openvino(path, onnx, card)
        onnx.unlink()


def example(card: Card) -> Tensor:
    """Return a batch as the program will take it; a side that may change has a length of its own."""
    preprocess = card.preprocess
    if isinstance(preprocess, MaskPreprocess):
        height, width = preprocess.crop
        shape = (2, preprocess.channels, height, width + 16)
    else:
        more = (6, 10) if card.inside else (0, 0)
        shape = (2, preprocess.channels, preprocess.size + more[0], preprocess.size + more[1])
    return torch.zeros(shape, dtype=torch.uint8 if card.inside else torch.float32)


def load(path: Path, device: torch.device) -> Program:
    """Load an exported file into the runtime that it was made for.

    Raises:
        BadRun: it is no such file, or cannot be loaded.
        MissingExtra: its runtime is not installed.
    """
    match form_of(path):
        case "onnx":
            return OnnxProgram(path)
        case "openvino":
            return OpenVinoProgram(path)
        case "pt2":
            return read_pt2(path, device)
        case "safetensors":
            return read_safetensors(path, device)
        case None:
            raise BadRun(f"{path} is no exported file; their names end in {', '.join(SUFFIXES)}")
        case form:
            assert_never(form)


def keep_record(path: Path, done: Exported) -> None:
    """Write down what was exported, in the place of an older file of the same name."""
    kept = [one for one in read_record(path) if one.file != done.file]
    write_json(path, Record((*kept, done)))


def read_record(path: Path) -> tuple[Exported, ...]:
    """Return what a run has exported, oldest first."""
    return read_json(path, Record).files if path.is_file() else ()
