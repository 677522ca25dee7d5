"""PyTorch's own forms: a program that needs no code of ours, and the weights alone."""

from pathlib import Path
from typing import Final, final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from residua.errors import BadRun
from residua.export.bundle import KEY, Card, metadata, read_card
from residua.export.inside import Inside
from residua.export.program import Program
from residua.export.untrusted import refuse_code
from residua.files import reading
from residua.nets.adapters import adapt, from_ours
from residua.nets.build import build
from residua.nets.network import Network
from residua.parts import Part
from residua.seals import BLANK, SEAL, seal, sealed

TYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16}


@final
class Cast(Part):
    """Compute in another type than that of what comes in and goes out."""

    def __init__(self, network: nn.Module, kind: torch.dtype) -> None:
        super().__init__()
        self.network = network.to(kind)
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.network(x.to(self.kind))
        return answer.float()


@final
class TorchProgram(Program):
    """A `.pt2` program, or weights in a network built from their card, in PyTorch.

    Args:
        network: from the input that the card describes to logits.
        card: of the network.
        device: to run on.
    """

    def __init__(self, network: nn.Module, card: Card, device: torch.device) -> None:
        self.card, self.device = card, device
        self.network = network.to(device)
        self.runtime = f"PyTorch {torch.__version__.partition('+')[0]}"
        if device.type != "cpu":
            self.runtime += f" on {device.type}"

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        images = images.to(self.device)
        if images.is_floating_point():
            images = images.contiguous(memory_format=torch.channels_last)
        answer: Tensor = self.network(images)
        return answer.float().cpu()


def as_program(network: nn.Module, card: Card, device: torch.device) -> TorchProgram:
    """Return a network with the preprocessing and the precision of a card, laid out for convolutions."""
    network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack it
    return TorchProgram(as_described(network, card), card, device)


def as_described(network: nn.Module, card: Card) -> nn.Module:
    """Put around a network what its card says: a precision, and the preprocessing."""
    if card.precision == "bf16":
        network = Cast(network, torch.bfloat16)
    return Inside(network, card.preprocess).eval() if card.inside else network


def write_pt2(path: Path, network: nn.Module, example: Tensor, card: Card, *, free: tuple[int, ...]) -> None:
    """Write a network as a program of `torch.export`; the arguments are those of `write_onnx`."""
    shapes = (dict.fromkeys(free, torch.export.Dim.DYNAMIC),)
    program = torch.export.export(network, (example,), dynamic_shapes=shapes)
    torch.export.save(program, path, extra_files=dict(metadata(card)))


def read_pt2(path: Path, device: torch.device) -> TorchProgram:
    """Load a program that `write_pt2` wrote.

    Raises:
        BadRun: it cannot be loaded, could run code, or says nothing of itself.
    """
    refuse_code(path)
    said = {KEY: ""}
    try:
        program = torch.export.load(path, extra_files=said)
    except Exception as error:  # a zip of JSON and tensors fails in as many ways as it has parts
        raise BadRun(f"{path} cannot be loaded by PyTorch: {error}") from error
    card = read_card({key: text for key, text in said.items() if text}, path)
    return TorchProgram(program.module(), card, device)


def write_safetensors(path: Path, network: Network, card: Card, *, names: str | None) -> None:
    """Write the weights alone, under our names or those of another project.

    Raises:
        UnknownName: no such project has networks of this family.
        BadRun: the project has no such network.
    """
    state = network.state_dict()
    if names is not None:
        state = from_ours(state, network.spec, project=names)
    if card.precision == "bf16":
        state = {
            name: tensor.bfloat16() if tensor.is_floating_point() else tensor
            for name, tensor in state.items()
        }
    text = metadata(card) | {SEAL: BLANK}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path, metadata=text)
    seal(path)


def read_safetensors(path: Path, device: torch.device) -> TorchProgram:
    """Build the network that a file of weights describes.

    Raises:
        BadRun: it cannot be read, or says nothing of itself.
    """
    sealed(path)
    try:
        with reading(path), safe_open(path, framework="pt") as file:
            card = read_card(file.metadata() or {}, path)
        network = build(card.model.spec)
        state = {
            name: tensor.float() if tensor.is_floating_point() else tensor
            for name, tensor in load_file(path).items()
        }
        network.load_state_dict(dict(adapt(state, card.model.spec).state))
    except SafetensorError as error:
        raise BadRun(f"{path} is a damaged safetensors file: {error}. Export it again") from error
    return as_program(network, card, device)
