"""The still exam of published networks as they begin: the smallest of each architecture in timm and torchvision.

    python -m benchmarks.exam.published
    python -m benchmarks.exam.published --package torchvision --most 30

They are known to train, so each other verdict than "trains", and each cause, is a false alarm. On 64 photos (CIFAR-10
stored as JPEG, at the size that the network is made for), with the weights that its own code draws; nothing is trained.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Final

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.zoo.packages import CLASSES, operators
from benchmarks.zoo.pictures import photos
from residua.exam import diagnose

PHOTOS: Final = 64
LARGEST: Final = 256
"""Pixels a side; what is made for more takes long."""

Network = tuple[str, int, int, Callable[[], nn.Module]]
"""A name, its parameters, the side of its pictures, and what makes it."""


def of_timm() -> Iterator[Network]:
    """Walk the smallest network of each file of timm."""
    operators()
    import timm  # its own import needs the operators

    for module in timm.list_modules():
        found: list[Network] = []
        for name in timm.list_models(module=module):
            try:
                with torch.device("meta"):
                    model = timm.create_model(name, num_classes=CLASSES)
            except (RuntimeError, NotImplementedError, TypeError, ValueError):
                continue  # its code asks for numbers where there are none yet
            channels, *sides = model.default_cfg["input_size"]
            if channels == 3 and max(sides) <= LARGEST:
                size = sum(p.numel() for p in model.parameters())
                make = lambda name=name: timm.create_model(name, num_classes=CLASSES)  # noqa: E731
                found.append((f"{module} {name}", size, max(sides), make))
        yield from sorted(found, key=lambda one: one[1])[:1]


def of_torchvision() -> Iterator[Network]:
    """Walk the smallest classifier of each file of torchvision."""
    operators()
    from torchvision import models  # its own import needs the operators

    smallest: dict[str, Network] = {}
    for name in models.list_models(module=models):
        make = lambda name=name: models.get_model(name, weights=None, num_classes=CLASSES)  # noqa: E731
        try:
            with torch.device("meta"):
                size = sum(p.numel() for p in make().parameters())
        except NotImplementedError:
            continue
        file = models.get_model_builder(name).__module__.rpartition(".")[2]
        if file not in smallest or size < smallest[file][1]:
            smallest[file] = (f"{file} {name}", size, 224, make)
    # Of the two with auxiliary heads a loss would have to know; of regnets the numbers of their widths are computed.
    yield from (network for file, network in smallest.items() if file not in ("googlenet", "inception"))


def main() -> None:
    """Print a line a network, and how many are alarmed of."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", choices=("timm", "torchvision"), default="timm")
    parser.add_argument("--most", type=float, default=16, help="millions of parameters of the largest")
    parser.add_argument("--depth", choices=("still", "probe"), default="still")
    asked = parser.parse_args()
    pictures, labels = (values[:PHOTOS] for values in photos("train"))
    networks = of_timm() if asked.package == "timm" else of_torchvision()
    alarms = count = 0
    for name, size, side, make in sorted(networks, key=lambda one: one[1]):
        if size > 1e6 * asked.most:
            break
        torch.manual_seed(0)
        shown = F.interpolate(pictures, size=(side, side), mode="bilinear")
        began = time.perf_counter()
        loss = F.cross_entropy
        found = diagnose(make(), (shown, labels), loss=loss, depth=asked.depth)
        count += 1
        alarms += found.verdict != "trains" or bool(found.causes)
        causes = ", ".join(cause.name for cause in found.causes)
        print(
            f"{name:50} {size / 1e6:6.2f} M  {found.verdict} ({found.probability:.2f})"
            f"  {time.perf_counter() - began:5.1f} s  {causes}",
            flush=True,
        )
    print(f"{alarms} false alarms of {count}")


if __name__ == "__main__":
    main()
