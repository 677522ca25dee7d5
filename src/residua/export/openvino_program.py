"""OpenVINO: its own form is made from ONNX, and it runs ONNX files too."""

import sys
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor

from residua.errors import BadRun, MissingExtra
from residua.export.bundle import KEY, Card, metadata, read_card
from residua.export.program import Program

HINTS: Final = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
"""What is computed in where nothing is quantised."""


def load() -> Any:
    """Return the package.

    Raises:
        MissingExtra: it is not installed.
    """
    # It would report its use and write a number of this machine into the home folder, on being imported. Where that
    # package cannot be imported it goes without, and a None here is how Python is told that it cannot.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("OpenVINO needs openvino: pip install 'residua[export]'") from error
    return openvino


@final
class OpenVinoProgram(Program):
    """An OpenVINO or an ONNX file in OpenVINO, on the CPU, with as many threads as PyTorch takes.

    Args:
        path: of the file.
        card: of an ONNX file, which OpenVINO does not pass on; the file's own if not given.
    """

    def __init__(self, path: Path, card: Card | None = None) -> None:
        openvino = load()
        try:
            core = openvino.Core()
            model = core.read_model(path)
            self.card = card or card_in(model, path)
            settings = {
                "INFERENCE_PRECISION_HINT": HINTS[self.card.precision],
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "PERFORMANCE_HINT": "LATENCY",
            }
            self.compiled = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise BadRun(f"{path} cannot be loaded by OpenVINO: {error}") from error
        self.request = self.compiled.create_infer_request()
        self.runtime = f"OpenVINO {openvino.__version__.partition('-')[0]}"

    def __call__(self, images: Tensor) -> Tensor:
        found = self.request.infer([images.contiguous().numpy()], share_inputs=True)
        return torch.from_numpy(np.array(found[0]))


def card_in(model: Any, path: Path) -> Card:
    """Return the card in the run-time information of a model."""
    found = {KEY: str(model.get_rt_info(KEY).value)} if model.has_rt_info(KEY) else {}
    return read_card(found, path)


def write_openvino(path: Path, onnx: Path, card: Card) -> None:
    """Write an ONNX file as OpenVINO's pair of files, `path` and the weights beside it.

    With a precision of bf16 the weights are stored in 16 bits, and computed with in bfloat16.
    """
    openvino = load()
    model = openvino.Core().read_model(onnx)
    for name, value in metadata(card).items():
        model.set_rt_info(value, name)
    openvino.save_model(model, path, compress_to_fp16=card.precision == "bf16")


def has_bfloat16() -> bool:
    """Return whether OpenVINO computes in bfloat16 on this processor rather than falling back to float32."""
    return "BF16" in load().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
