"""Models with random weights, and held-out pictures of noise, for the tests of exported files."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from residua.data import Preprocess
from residua.data.masks import MaskPreprocess, open_masks
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
    model = Model(
        name="subject", network=built.eval(), classes=CLASSES, preprocess=of_pictures(size, channels)
    )
    if isinstance(built.spec, UNetSpec):
        masks = MaskPreprocess(
            crop=(size, size), scale=1.0, channels=channels, mean=(0.5,) * channels, std=(0.25,) * channels
        )
        model = replace(model, preprocess=masks, encoding=open_masks("scenes").encoding)
    return model


def of_pictures(size: int, channels: int) -> Preprocess:
    """Return the preprocessing of a classifier."""
    return Preprocess(
        size=size,
        resize=size,
        channels=channels,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        read_side=2 * size,
    )


def held_out(model: Model, *, inside: bool = False, count: int = 8) -> HeldOut:
    """Return noise with the labels that the network gives it, so that it is always right."""
    preprocess = model.preprocess
    sides = preprocess.crop if isinstance(preprocess, MaskPreprocess) else (preprocess.size, preprocess.size)
    pixels = torch.randint(0, 256, (count, preprocess.channels, *sides)).byte()
    if isinstance(preprocess, MaskPreprocess):
        normalised = preprocess.normalise(pixels.float(), 255.0)
    else:
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
