"""Where the time of a step of training goes: convolutions there and back, norms with what follows them, the rest.

OMP_NUM_THREADS=1 taskset -c 1 python -m benchmarks.speed.parts [--only resnet50]
"""

import argparse
from collections import Counter
from typing import Final

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.speed import training

STEPS: Final = 3
PARTS: Final = {
    "convolutions": ("aten::mkldnn_convolution", "aten::_slow_conv2d_forward"),
    "their gradients": ("aten::convolution_backward",),
    "norms with addition and ReLU": ("Norm", "aten::native_batch_norm", "aten::relu", "aten::threshold"),
    "optimiser, clipping, average": (
        "aten::_fused_",
        "aten::lerp_",
        "aten::linalg_vector_norm",
        "aten::mul_",
    ),
}
"""How the names begin of what belongs to each part."""
REST: Final = "the rest"


def part_of(name: str) -> str:
    """Return the part that an operation belongs to.

    >>> part_of("NormReLUBackward"), part_of("aten::max_pool2d_with_indices")
    ('norms with addition and ReLU', 'the rest')
    """
    return next((part for part, starts in PARTS.items() if name.startswith(starts)), REST)


def shares(case: training.Case) -> dict[str, float]:
    """Return the share of the time of a step that each part takes."""
    step = training.residua(case.name, case.batch, case.size)
    step()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(STEPS):
            step()
    taken: Counter[str] = Counter()
    for row in seen.key_averages():
        taken[part_of(row.key)] += row.self_cpu_time_total
    return {part: taken[part] / taken.total() for part in (*PARTS, REST)}


def main() -> None:
    """Print a row for each network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="one network")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"| share of a step | {' | '.join((*PARTS, REST))} |\n{'|---' * (2 + len(PARTS))}|")
    for case in training.CASES:
        if given.only in (None, case.name):
            cells = " | ".join(f"{share:.2f}" for share in shares(case).values())
            print(f"| {case.name}, {case.batch} of {case.size} pixels | {cells} |", flush=True)


if __name__ == "__main__":
    main()
