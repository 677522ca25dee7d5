"""The limit of a step of training and of a forward pass on this core, and what share of it is reached.

    OMP_NUM_THREADS=1 taskset -c 1 python -m benchmarks.speed.limits [--only resnet50] [--out FILE]

A core multiplies and adds so many numbers a second, and moves so many bytes from and to memory. The first rate is the
best that any of a few convolutions and products of matrices reaches, in the numbers that Residua computes with here;
the second that of a copy of 256 MB. The arithmetic of a step is three times that of a forward pass: the pass, the
gradient of what comes in, that of the weights. Its memory is what autograd keeps, written once and read once; that of a
forward pass the weights. So neither limit can be reached whole, and both are below what a step has to take.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final, final

import torch

from benchmarks.speed import inference, training
from benchmarks.speed.kernels import milliseconds
from benchmarks.speed.twins import machine
from residua.exam.probe import Counted
from residua.nets.build import build
from residua.training.memory import measured_peak
from residua.training.processor import has_bfloat16, keep_memory

CPU: Final = torch.device("cpu")
PRODUCTS: Final = (512, 1024, 2048)
"""Sides of the matrices that are multiplied."""
CONVOLUTIONS: Final = ((128, 64, 8), (16, 256, 8), (16, 128, 16), (8, 128, 32))
"""Pictures, channels and side of the 3 × 3 convolutions."""
COPIED: Final = 2**28
"""Bytes, more than the caches hold."""
THERE_AND_BACK: Final = 3
FEW: Final = 2
"""Pictures, by which it is found out what autograd keeps for one."""
TURNS: Final = 8


def arithmetic_rate(dtype: torch.dtype) -> float:
    """Return the most operations a second, two for each multiply-add."""
    rates = []
    for side in PRODUCTS:
        left, right = torch.randn(side, side, dtype=dtype), torch.randn(side, side, dtype=dtype)
        rates.append(2 * side**3 / milliseconds(partial(torch.matmul, left, right)))
    for count, channels, side in CONVOLUTIONS:
        last = torch.channels_last
        images = torch.randn(count, channels, side, side, dtype=dtype).to(memory_format=last)
        weight = torch.randn(channels, channels, 3, 3, dtype=dtype).to(memory_format=last)
        work = 2 * count * side**2 * channels**2 * 9
        rates.append(work / milliseconds(partial(torch.conv2d, images, weight, None, 1, 1)))
    return 1e3 * max(rates)


def memory_rate() -> float:
    """Return the bytes a second that a copy reads and writes."""
    here, there = torch.empty(COPIED, dtype=torch.uint8), torch.empty(COPIED, dtype=torch.uint8)
    return 1e3 * 2 * COPIED / milliseconds(lambda: there.copy_(here), turns=10)


def forward_work(network: torch.nn.Module, images: torch.Tensor) -> int:
    """Return the operations of a forward pass."""
    with torch.no_grad(), Counted() as counted:
        network(images)
    return int(counted.work)


@final
@dataclass(frozen=True, kw_only=True)
class Work:
    """A piece of work.

    Attributes:
        name: what it is.
        operations: it takes, two for each multiply-add.
        moved: bytes that it has to read from memory and to write there.
        milliseconds: it takes.
    """

    name: str
    operations: float
    moved: float
    milliseconds: float


def step(case: training.Case, *, bfloat16: bool) -> Work:
    """Return what a step of training has to compute and to move, and what it takes."""
    images, _, classes = training.examples(case.name, case.batch, case.size)
    network, few = build(case.name, classes=classes), images[:FEW]
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        kept = measured_peak(network, few, "plain") // FEW
    return Work(
        name=f"step of {case.name}, {case.batch} of {case.size} pixels",
        operations=THERE_AND_BACK * forward_work(network, images),
        moved=2 * kept * case.batch,
        milliseconds=milliseconds(training.residua(case.name, case.batch, case.size), turns=TURNS),
    )


def forward(case: inference.Case, batch: int, *, bfloat16: bool) -> Work:
    """Return what a forward pass of the exported network has to compute and to move, and what it takes."""
    network, precision = build(case.name).eval(), "bf16" if bfloat16 else "fp32"
    exported = inference.residua(case.name, batch, case.size, precision=precision)
    return Work(
        name=f"forward pass of {case.name}, {batch} of {case.size} pixels",
        operations=forward_work(network, inference.pictures(batch, case.size)),
        moved=sum(weight.numel() for weight in network.parameters()) * (2 if bfloat16 else 4),
        milliseconds=milliseconds(exported, turns=TURNS),
    )


def works(only: str | None, *, bfloat16: bool) -> Iterator[Work]:
    """Walk each step of training and each forward pass, measured."""
    for case in training.CASES:
        if only in (None, case.name):
            yield step(case, bfloat16=bfloat16)
    for exported in inference.CASES:
        if only in (None, exported.name):
            for batch in (1, 16):
                yield forward(exported, batch, bfloat16=bfloat16)


def main() -> None:
    """Measure the rates and each piece of work, print and keep them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="one network")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()
    bfloat16 = has_bfloat16(CPU)
    rates = arithmetic_rate(torch.bfloat16 if bfloat16 else torch.float32), memory_rate()
    print(f"{rates[0] / 1e9:.0f} GFLOP/s, {rates[1] / 1e9:.1f} GB/s\n")
    print(f"{'milliseconds':<52}{'compute':>9}{'memory':>9}{'takes':>9}{'share':>8}")
    rows = []
    for work in works(given.only, bfloat16=bfloat16):
        limits = {"compute": 1e3 * work.operations / rates[0], "memory": 1e3 * work.moved / rates[1]}
        rows.append(asdict(work) | limits)
        print(
            f"{work.name:<52}{limits['compute']:>9.1f}{limits['memory']:>9.1f}{work.milliseconds:>9.1f}"
            f"{limits['compute'] / work.milliseconds:>8.2f}",
            flush=True,
        )
    if given.out:
        kept = {"machine": machine(), "operations": rates[0], "bytes": rates[1], "rows": rows}
        given.out.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
