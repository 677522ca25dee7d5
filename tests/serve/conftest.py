"""Services on little networks, one of them for each file of tests."""

from collections.abc import Iterator

import pytest
import torch

from residua.data import Preprocess
from residua.data.masks import MaskPreprocess, open_masks
from residua.export.bundle import Card
from residua.export.torch_program import as_program
from residua.nets.build import build
from residua.nets.spec import UNetSpec
from residua.runs import Model
from residua.runs.model import card_of
from residua.serve.limits import Limits
from residua.serve.service import Service, looker_for
from tests.serve.client import Client, serving

LIMITS = Limits(body=200_000, pixels=1_000_000, pictures=4, batch=4, queue=8)
CPU = torch.device("cpu")


def service_for(network: str, limits: Limits = LIMITS, *, looks: bool = True) -> Service:
    torch.manual_seed(0)
    built = build(network, classes=3, in_channels=3).eval()
    preprocess = Preprocess(size=16, resize=16, channels=3, mean=(0.5,) * 3, std=(0.25,) * 3, read_side=32)
    model = Model(name=network, network=built, classes=("ant", "bee", "cat"), preprocess=preprocess)
    program = as_program(built, Card(model=card_of(model, {})), CPU)
    return Service(program, limits, looker_for(built) if looks else None)


def segmenting() -> Service:
    torch.manual_seed(0)
    network = build(UNetSpec(widths=(4, 8), in_channels=3, classes=3)).eval()
    source = open_masks("scenes")
    preprocess = MaskPreprocess(crop=(16, 16), scale=1.0, channels=3, mean=(0.5,) * 3, std=(0.25,) * 3)
    model = Model(
        name="unet",
        network=network,
        classes=("sky", "road", "tree"),
        preprocess=preprocess,
        encoding=source.encoding,
    )
    return Service(as_program(network, Card(model=card_of(model, {})), CPU), LIMITS)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving(service_for("resnet8_cifar")) as found:
        yield found


@pytest.fixture(scope="module")
def mask_client() -> Iterator[Client]:
    with serving(segmenting()) as found:
        yield found
