"""A forward pass: what Residua exports, beside the same network of a peer in every runtime that people take.

    python -m benchmarks.speed.inference [--quick] [--only resnet50] [--precision int8] [--peers PYTHON] [--out FILE]

Residua's side is the file that `residua export --to openvino --precision bf16` (or int8) writes, in the runtime
that `predict` and `serve` load it into. The peer's network runs in PyTorch, in float32 with glibc's allocator
as it comes, in ONNX Runtime, and in OpenVINO in float32 and bfloat16. Preprocessing is part of none.

PYTHON is that of an environment with segmentation-models-pytorch, in which the runtimes can be imported too;
without it the U-Net is left out.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import torch

from benchmarks.speed.peers import network
from benchmarks.speed.twins import Side, compared, keep, show
from residua.data import Preprocess
from residua.export import Wanted
from residua.export.bundle import Card
from residua.export.job import load, write
from residua.nets.build import build
from residua.runs import Model
from residua.runs.model import card_of
from residua.training.processor import keep_memory

CALIBRATION: Final = 32
BATCH: Final = 8
MODULE: Final = "benchmarks.speed.inference"


@final
@dataclass(frozen=True, kw_only=True)
class Case:
    """A network, the side of its pictures, and whether the peer's needs another environment."""

    name: str
    size: int


CASES = (
    Case(name="resnet50", size=224),
    Case(name="densenet121", size=224),
    Case(name="unet_resnet34", size=256),
)


def pictures(batch: int, size: int) -> torch.Tensor:
    """Return a batch of noise."""
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))


def residua(name: str, batch: int, size: int, *, precision: str) -> Callable[[], object]:
    """Return a call of the exported network in its runtime."""
    keep_memory()
    torch.manual_seed(0)
    classes = 2 if name.startswith("unet") else 1000
    net = build(name, classes=classes).eval()
    # Every network here takes floats of one size, so the preprocessing of a classifier describes the U-Net as well.
    preprocess = Preprocess(
        size=size, resize=size, channels=3, mean=(0.5,) * 3, std=(0.25,) * 3, read_side=size
    )
    model = Model(name=name, network=net, classes=tuple(map(str, range(classes))), preprocess=preprocess)
    wanted = Wanted(form="openvino", precision=precision)  # type: ignore[arg-type]  # from the command line
    card = Card(model=card_of(model, {}), precision=wanted.precision)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.xml"
        write(path, net, wanted, card, list(pictures(CALIBRATION, size).split(BATCH)))
        program = load(path, torch.device("cpu"))
    images = pictures(batch, size)
    return lambda: program(images)


def eager(name: str, batch: int, size: int) -> Callable[[], object]:
    """Return a forward pass of a peer's network in PyTorch."""
    model, images = network(name).eval(), pictures(batch, size)

    @torch.no_grad()
    def forward() -> object:
        return model(images)

    return forward


def onnx_file(name: str, size: int, folder: str) -> Path:
    """Write the network of a peer as ONNX."""
    path = Path(folder) / "peer.onnx"
    model = network(name).eval()
    torch.onnx.export(
        model, (pictures(2, size),), path, dynamo=False, dynamic_axes={"x": {0: "batch"}}, input_names=["x"]
    )
    return path


def onnxruntime(name: str, batch: int, size: int) -> Callable[[], object]:
    """Return a call of a peer's network in ONNX Runtime."""
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        session = runtime.InferenceSession(
            onnx_file(name, size, folder), options, providers=["CPUExecutionProvider"]
        )
    images = pictures(batch, size).numpy()
    return lambda: session.run(None, {"x": images})


def openvino(name: str, batch: int, size: int, *, hint: str) -> Callable[[], object]:
    """Return a call of a peer's network in OpenVINO."""
    from residua.export.openvino_program import load as package

    runtime: Any = package()
    core = runtime.Core()
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "INFERENCE_PRECISION_HINT": hint,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        compiled = core.compile_model(core.read_model(onnx_file(name, size, folder)), "CPU", settings)
    request, images = compiled.create_infer_request(), pictures(batch, size).numpy()
    return lambda: request.infer([images], share_inputs=True)


def sides(case: Case, batch: int, precision: str, python: dict[str, str]) -> list[Side]:
    """Return Residua's side and those of the peer."""
    common = {"name": case.name, "batch": batch, "size": case.size}
    return [
        Side(
            name=f"Residua, {precision}",
            work=f"{MODULE}:residua",
            arguments=common | {"precision": precision},
        ),
        Side(name="peer in PyTorch, float32", work=f"{MODULE}:eager", arguments=common, **python),
        Side(name="peer in ONNX Runtime, float32", work=f"{MODULE}:onnxruntime", arguments=common, **python),
        *(
            Side(
                name=f"peer in OpenVINO, {hint}",
                work=f"{MODULE}:openvino",
                arguments=common | {"hint": hint},
                **python,
            )
            for hint in ("f32", "bf16")
        ),
    ]


def main() -> None:
    """Measure each network at batches of 1 and 16."""
    parser = argparse.ArgumentParser(description="A forward pass, beside the same networks of peers.")
    parser.add_argument("--quick", action="store_true", help="few and short turns")
    parser.add_argument("--only")
    parser.add_argument("--precision", choices=["fp32", "bf16", "int8"], default="bf16")
    parser.add_argument("--peers", help="the Python of an environment with segmentation-models-pytorch")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    for case in CASES:
        if given.only not in (None, case.name) or (case.name.startswith("unet") and not given.peers):
            continue
        python = {"python": given.peers} if case.name.startswith("unet") else {}
        for batch in (1, 16):
            title = f"inference, {case.name}, {batch} of {case.size} pixels, {given.precision}"
            rows = compared(
                sides(case, batch, given.precision, python),
                turns=3 if given.quick else 7,
                seconds=0.5 if given.quick else 2,
            )
            show(title, rows)
            keep(given.out, title, rows)


if __name__ == "__main__":
    main()
