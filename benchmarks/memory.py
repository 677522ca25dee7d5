"""What training takes for each image, and how long a step takes, with less and less memory.

    python -m benchmarks.memory [--quick] [--only NAME ...] [--no-times] [--bfloat16] [--out benchmarks/memory.json]

Four ways to take a step of the same network: eager float32 as it comes (`eager`); the defaults of `residua train`,
which are channels-last, kernels, and autocast where the processor has bfloat16 (`plain`); and these with
`--memory lean` and `least`.

Bytes an image: each way runs in a process of its own, takes a first step, and then one at each of two batch sizes. The
kernel's high-water mark of resident memory (VmHWM) is reset before each; the slope between the two peaks is the answer,
so that weights, gradients, the program and the workspace of convolutions count for nothing. The allocator is told to
give freed blocks of 64 KiB or more back at once (MALLOC_MMAP_THRESHOLD_), for all ways alike: what is resident is live.

Time: all ways alternate in one process with one thread, after one step of each; medians, and the least and the most,
of the processor's time. There the allocator keeps what is freed, as `residua train` has it.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from residua.compiling import processor
from residua.nets.build import build
from residua.training.memory import thrifty
from residua.training.processor import has_bfloat16, keep_memory

WAYS: Final = ("eager", "plain", "lean", "least")
ROWS: Final = {
    # network: side of the image, the two batch sizes of the slope, the batch of the times
    "resnet56_cifar": (32, (16, 48), 32),
    "resnet164_preact": (32, (8, 24), 16),
    "resnet1001_preact": (32, (4, 12), 8),
    "resnet50": (128, (4, 12), 8),
    "densenet121": (128, (4, 12), 8),
    "unet_resnet34": (128, (4, 12), 8),
    "resnet164_reversible": (32, (8, 24), 16),
    "resnet1001_reversible": (32, (8, 24), 8),
}
QUICK: Final = ("resnet56_cifar", "resnet164_reversible")
ALLOCATOR: Final = {"MALLOC_MMAP_THRESHOLD_": str(2**16), "MALLOC_TRIM_THRESHOLD_": "0"}


def step_of(network: nn.Module, way: str, *, bfloat16: bool) -> Callable[[Tensor], None]:
    """Return what takes one step, but for the moving of the weights."""
    ours = way != "eager"
    run = thrifty(network, way, kernels=True) if ours else network  # type: ignore[arg-type]
    amp = ours and bfloat16

    def step(images: Tensor) -> None:
        if ours:
            images = images.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            logits = run(images)
        logits.float().square().mean().backward()

    return step


def begin(name: str, way: str) -> nn.Module:
    """Return the network in the layout of this way."""
    torch.manual_seed(0)
    network = build(name)
    return network if way == "eager" else network.to(memory_format=torch.channels_last)


def peak_of(step: Callable[[Tensor], None], images: Tensor) -> int:
    """Return the most bytes that were resident during a step."""
    Path("/proc/self/clear_refs").write_text("5")
    step(images)
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def slope(name: str, way: str, *, bfloat16: bool) -> float:
    """Return the bytes that one more image takes, in this process."""
    side, (few, many), _ = ROWS[name]
    step = step_of(begin(name, way), way, bfloat16=bfloat16)
    step(torch.randn(few, 3, side, side))
    low, high = (peak_of(step, torch.randn(count, 3, side, side)) for count in (few, many))
    return (high - low) / (many - few)


def bytes_an_image(name: str, *, bfloat16: bool) -> dict[str, float]:
    """Return the slope of each way, each in a process of its own."""
    found = {}
    for way in WAYS:
        command = [sys.executable, "-m", "benchmarks.memory", "--inside", name, way]
        command += ["--bfloat16"] if bfloat16 else []
        answer = subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | ALLOCATOR
        )
        found[way] = float(answer.stdout)
    return found


def times(name: str, repeats: int, *, bfloat16: bool) -> dict[str, dict[str, float]]:
    """Return the seconds of a step of each way: median, least and most, taken in turn."""
    side, _, count = ROWS[name]
    images = torch.randn(count, 3, side, side)
    steps = {way: step_of(begin(name, way), way, bfloat16=bfloat16) for way in WAYS}
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(repeats + 1):
        for way, step in steps.items():
            began = time.process_time()
            step(images)
            if turn:
                taken[way].append(time.process_time() - began)
    return {
        way: {"median": statistics.median(all_), "least": min(all_), "most": max(all_)}
        for way, all_ in taken.items()
    }


def machine(*, bfloat16: bool) -> dict[str, Any]:
    """Return what the numbers depend on."""
    return {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "bfloat16": bfloat16,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "allocator of the bytes": ALLOCATOR,
        "allocator of the times": "nothing mapped, nothing trimmed",
    }


def line(row: dict[str, Any]) -> str:
    """Return a row as a line of the table in `docs/memory.md`."""
    each, eager = row["bytes"], row["bytes"]["eager"]
    cells = [
        f"{each[way] / 1e6:.1f}" + (f" ({each[way] / eager:.2f}×)" if way != "eager" else "") for way in WAYS
    ]
    if "seconds" in row:
        base = row["seconds"]["eager"]["median"]
        cells += [f"{row['seconds'][way]['median'] / base:.2f}" for way in WAYS[1:]]
    return f"| {row['network']} at {row['side']} | " + " | ".join(cells) + " |"


def main() -> None:
    """Measure, print the table, and write the numbers down."""
    parser = argparse.ArgumentParser(description="Memory and time of a training step.")
    parser.add_argument("--quick", action="store_true", help="two networks, fewer repeats")
    parser.add_argument("--only", nargs="+", choices=ROWS, help="these networks")
    parser.add_argument(
        "--no-times", action="store_true", help="bytes alone; they hold on a busy machine too"
    )
    parser.add_argument(
        "--bfloat16", action="store_true", help="also where the processor has none; the bytes are the same"
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    bfloat16 = given.bfloat16 or has_bfloat16(torch.device("cpu"))
    if given.inside:
        print(slope(*given.inside, bfloat16=bfloat16))
        return
    keep_memory()
    rows = []
    for name in given.only or (QUICK if given.quick else ROWS):
        row: dict[str, Any] = {
            "network": name,
            "side": ROWS[name][0],
            "bytes": bytes_an_image(name, bfloat16=bfloat16),
        }
        if not given.no_times:
            row["seconds"] = times(name, repeats=3 if given.quick else 7, bfloat16=bfloat16)
        rows.append(row)
        print(line(row), flush=True)
        if given.out:
            given.out.write_text(
                json.dumps({"machine": machine(bfloat16=bfloat16), "rows": rows}, indent=2) + "\n"
            )


if __name__ == "__main__":
    main()
