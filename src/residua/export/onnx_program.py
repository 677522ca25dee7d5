"""ONNX: written with PyTorch's exporter, made int8 and run by ONNX Runtime."""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor, nn

from residua.errors import BadRun, MissingExtra
from residua.export.bundle import Card, metadata, read_card
from residua.export.program import Program
from residua.files import reading

OPSET: Final = 20
INPUT, OUTPUT = "image", "logits"
CPU: Final = ["CPUExecutionProvider"]


def needs(package: str) -> MissingExtra:
    """Return the error for a package of the extra that is not installed."""
    return MissingExtra(f"ONNX needs {package}: pip install 'residua[export]'")


def refuse_outside_data(path: Path) -> None:
    """Refuse an ONNX file whose weights lie in other files: it can name any file on this machine.

    Raises:
        BadRun: it names one, or is no ONNX file.
        MissingExtra: onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise needs("onnx") from error
    with reading(path):
        content = path.read_bytes()
    try:
        model = onnx.ModelProto.FromString(content)
    except Exception as error:  # of protobuf, which is no package of ours
        raise BadRun(f"{path} is damaged or no ONNX file: {error}") from error
    if name := next(outside(model), None):
        raise BadRun(
            f"{path} keeps numbers in another file ({name}), and none is opened; write it in one piece: "
            "onnx.save(onnx.load(FILE), NEW)"
        )


def outside(message: Any) -> Iterator[str]:
    """Give the place of every tensor, however deep in a message of ONNX, that lies in another file."""
    if message.DESCRIPTOR.name == "TensorProto" and message.data_location:
        said = {entry.key: entry.value for entry in message.external_data}
        yield said.get("location", "unnamed")
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if isinstance(value, Iterable) else (value,):
                yield from outside(part)


@final
class OnnxProgram(Program):
    """An ONNX file in ONNX Runtime, on the CPU, with as many threads as PyTorch takes."""

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise needs("onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # warnings are of its own optimiser
        refuse_outside_data(path)
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers=CPU)
        except Exception as error:  # its exceptions have no common root
            raise BadRun(f"{path} cannot be loaded by ONNX Runtime: {error}") from error
        self.card: Card = read_card(self.session.get_modelmeta().custom_metadata_map, path)
        self.runtime = f"ONNX Runtime {onnxruntime.__version__}"

    def __call__(self, images: Tensor) -> Tensor:
        (logits,) = self.session.run([OUTPUT], {INPUT: images.contiguous().numpy()})
        return torch.from_numpy(logits)


def write_onnx(path: Path, network: nn.Module, example: Tensor, card: Card, *, free: tuple[int, ...]) -> None:
    """Write a network as ONNX.

    Args:
        path: of the file.
        network: in evaluation mode.
        example: a batch of at least two.
        card: for the metadata.
        free: dimensions of the input that any call may choose.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  # the exporter of PyTorch is written in it
    except ImportError as error:
        raise needs("onnx and onnxscript") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch's exporter, about calls of its own
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=(dict.fromkeys(free, torch.export.Dim.DYNAMIC),),
        )
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, metadata(card))
    forget_the_maker(model)
    onnx.save(model, path)


def forget_the_maker(model: Any) -> None:
    """Take out what the exporter notes of every node: lines and paths of the machine that it ran on."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
    for function in model.functions:
        for node in function.node:
            del node.metadata_props[:]


def quantise(path: Path, batches: Iterable[Tensor]) -> None:
    """Make an ONNX file int8, in place: weights for each channel, activations by their range over some pictures.

    Convolutions, matrix products, sums and poolings are quantised; the format is QDQ, which ONNX Runtime and OpenVINO
    both read. A ReLU goes into the range of what is rounded before it, unless something else reads that too: left as it
    is, it would be computed in float32, and what it gives be rounded once more. What is concatenated is rounded as a
    whole only where a convolution reads it.

    Args:
        path: of the file; its metadata are kept.
        batches: of inputs to calibrate with.
    """
    try:
        import onnx
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise needs("onnx and onnxruntime") from error

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # no types there
        def __init__(self, inputs: Iterator[Tensor]) -> None:
            self.inputs = inputs

        def get_next(self) -> dict[str, np.ndarray] | None:
            found = next(self.inputs, None)
            return None if found is None else {INPUT: found.contiguous().numpy()}

    said = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    prepared = path.with_suffix(".prepared.onnx")
    try:
        quant_pre_process(path, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            path,
            Reader(iter(batches)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "MaxPool", "Relu"],
        )
    finally:
        prepared.unlink(missing_ok=True)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, said)
    onnx.save(model, path)
