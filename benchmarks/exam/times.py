"""How long an exam takes: still on large networks, with a probe on a small one.

python -m benchmarks.exam.times
"""

import time
from typing import Literal

import torch

from residua.exam import diagnose
from residua.training.processor import keep_memory
from residua.training.subject import open_subject

CASES: tuple[tuple[str, tuple[int, int, int], Literal["still", "probe"]], ...] = (
    ("resnet50", (3, 224, 224), "still"),
    ("resnet1001_preact", (3, 32, 32), "still"),
    ("resnet20_cifar", (3, 32, 32), "probe"),
    ("resnet110_cifar", (3, 32, 32), "probe"),
)


def main() -> None:
    """Print a line a case."""
    keep_memory()  # as `residua examine` does
    print(f"{torch.get_num_threads()} threads")
    for name, shape, depth in CASES:
        subject = open_subject(name, shape=shape, classes=10)
        began = time.perf_counter()
        found = diagnose(subject.model, subject.batch, depth=depth)
        took = time.perf_counter() - began
        print(
            f"{name} at {shape[-1]}, {depth}: {took:.1f} s, {found.verdict} ({found.probability:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
