"""A step of training: Residua's from its defaults, beside a plain loop around the same network of a peer.

    python -m benchmarks.speed.training [--quick] [--only resnet20_cifar] [--peers PYTHON] [--out FILE]

The peers are torchvision's ResNet-50 and DenseNet-121, segmentation_models.pytorch's U-Net, and He's networks
for CIFAR as they are usually written. Each runs twice: as its documentation shows it, in float32 with glibc's
allocator as it comes; and with all that a user can set from outside, channels last, bfloat16 where the processor
has instructions for it, and the allocator told to keep its memory. Residua's step is that of `residua train`: it
also clips, and keeps an average of the weights, which the peers' do not.

PYTHON is that of an environment with segmentation-models-pytorch; without it the U-Net is left out.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
import torch.nn.functional as F

from benchmarks.speed.peers import network
from benchmarks.speed.twins import Side, compared, keep, show
from residua.nets.build import build
from residua.optim import Average, make_optimizer
from residua.training.kernels import together
from residua.training.processor import has_bfloat16, keep_memory
from residua.training.step import Stepper

CPU = torch.device("cpu")
KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
"""What `keep_memory` sets, for processes of peers."""


@final
@dataclass(frozen=True, kw_only=True)
class Case:
    """A network with its batch and its peer."""

    name: str
    batch: int
    size: int


CASES = (
    Case(name="resnet20_cifar", batch=128, size=32),
    Case(name="resnet56_cifar", batch=128, size=32),
    Case(name="resnet50", batch=16, size=128),
    Case(name="densenet121", batch=16, size=128),
    Case(name="unet_resnet34", batch=8, size=128),
)


def examples(name: str, batch: int, size: int) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Return pictures, targets, and how many classes there are."""
    torch.manual_seed(0)
    images = torch.randn(batch, 3, size, size)
    if name.startswith("unet"):
        return images, torch.randint(0, 2, (batch, size, size)), 2
    classes = 10 if name.endswith("_cifar") else 1000
    return images, torch.randint(0, classes, (batch,)), classes


def residua(name: str, batch: int, size: int) -> Callable[[], object]:
    """Return a step of Residua with the settings that it chooses."""
    keep_memory()
    images, targets, classes = examples(name, batch, size)
    model = build(name, classes=classes)
    torch.nn.Module.to(model, memory_format=torch.channels_last)
    model.train()
    stepper = Stepper(
        model=model,
        forward=together(model),
        optimizer=make_optimizer(model, kind="sgd", lr=1e-3, momentum=0.9, weight_decay=5e-4),
        device=CPU,
        amp=has_bfloat16(CPU),
        channels_last=True,
        loss=F.cross_entropy,
        clip=5.0,
    )
    average, done = Average(model, decay=0.999), 0

    def step() -> None:
        nonlocal done
        stepper.add_gradient(images, targets)
        stepper.move(1e-3)
        done += 1
        average.update(model, done)

    return step


def peer(name: str, batch: int, size: int, *, tuned: bool) -> Callable[[], object]:
    """Return a step of a plain loop around the network of a peer."""
    images, targets, _ = examples(name, batch, size)
    model = network(name).train()
    if tuned:
        torch.nn.Module.to(model, memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=tuned and has_bfloat16(CPU)):
            loss = F.cross_entropy(model(images), targets)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    return step


def main() -> None:
    """Measure each case, print its table, and keep it."""
    parser = argparse.ArgumentParser(description="A step of training, beside the same networks of peers.")
    parser.add_argument("--quick", action="store_true", help="few and short turns")
    parser.add_argument("--only")
    parser.add_argument("--peers", help="the Python of an environment with segmentation-models-pytorch")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    fast = " bfloat16," if has_bfloat16(CPU) else ""
    for case in CASES:
        if given.only not in (None, case.name) or (case.name.startswith("unet") and not given.peers):
            continue
        python = {"python": given.peers} if case.name.startswith("unet") else {}
        common = {"name": case.name, "batch": case.batch, "size": case.size}
        module = "benchmarks.speed.training"
        sides = [
            Side(name="Residua", work=f"{module}:residua", arguments=common),
            Side(name="peer, float32", work=f"{module}:peer", arguments=common | {"tuned": False}, **python),
            Side(
                name=f"peer, channels last,{fast} allocator",
                work=f"{module}:peer",
                arguments=common | {"tuned": True},
                settings=KEPT,
                **python,
            ),
        ]
        title = f"training step, {case.name}, {case.batch} of {case.size} pixels"
        rows = compared(sides, turns=3 if given.quick else 7, seconds=1 if given.quick else 4)
        show(title, rows)
        keep(given.out, title, rows)


if __name__ == "__main__":
    main()
