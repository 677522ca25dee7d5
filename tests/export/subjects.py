"""Models with random weights, and held-out pictures of noise, for the tests of exported files."""

from pathlib import Path

import pytest
import torch
from torch import nn

from residua.data import Preprocess
from residua.export import Exported, HeldOut, Wanted, export_model
from residua.nets.build import build
from residua.nets.spec import Spec, UNetSpec
from residua.runs import Model

CLASSES = ("ant", "bee", "cat")


def make_model(network: str | Spec, *, size: int, channels: int = 3) -> Model:
    """Return a model whose norms have met a batch, so that its answers differ from picture to picture."""
    built = build(network, classes=len(CLASSES), in_channels=channels)
    for module in built.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        built.train()(torch.randn(4, channels, size, size))
    preprocess = Preprocess(
        size=size,
        resize=size,
        channels=channels,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        read_side=2 * size,
    )
    return Model(name="subject", network=built.eval(), classes=CLASSES, preprocess=preprocess)


def held_out(model: Model, *, inside: bool = False, count: int = 8) -> HeldOut:
    """Return noise with the labels that the network gives it, so that it is always right."""
    preprocess = model.preprocess
    pixels = torch.randint(0, 256, (count, preprocess.channels, preprocess.size, preprocess.size)).byte()
    normalised = preprocess.normalise(pixels.clone())
    with torch.no_grad():
        labels = model.network(normalised).argmax(1)
    given = pixels if inside else normalised
    return HeldOut(given.split(4), normalised.split(4), labels)


def exported(model: Model, wanted: Wanted, path: Path) -> Exported:
    """Export a model, calibrated and checked on noise; skip the test where a runtime is missing."""
    for package in ("onnx", "onnxruntime", "onnxscript", "openvino"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    found = held_out(model, inside=wanted.inside)
    return export_model(model, wanted, held_out=found, calibration=found.given, path=path)


def is_u_net(model: Model) -> bool:
    """Return whether a model answers for every pixel."""
    return isinstance(model.network.spec, UNetSpec)
