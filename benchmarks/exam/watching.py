"""What it costs to watch a training: the same steps with and without, in turns, in one process.

    python -m benchmarks.exam.watching

Prints the median of the ratios of the turns, and the least and the most. The first eight steps of a training are all
looked at, and then one in fifty, so a turn is long enough for both.
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

import residua


def seconds(model: torch.nn.Module, steps: int, *, watched: bool) -> float:
    """Return how long some steps take."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(128, 3, 32, 32, generator=generator)
    labels = torch.randint(10, (128,), generator=generator)

    def train() -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimizer.step()

    began = time.perf_counter()
    if watched:
        with residua.watch(model, optimizer):
            train()
    else:
        train()
    return time.perf_counter() - began


def main() -> None:
    """Print what watching costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet20_cifar")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--turns", type=int, default=6)
    asked = parser.parse_args()
    torch.manual_seed(0)
    model = residua.build(asked.model, classes=10).train()
    seconds(model, 5, watched=True)
    ratios = []
    for turn in range(asked.turns):
        order = (False, True) if turn % 2 else (True, False)
        took = {watched: seconds(model, asked.steps, watched=watched) for watched in order}
        ratios.append(took[True] / took[False])
        print(
            f"turn {turn + 1}: {took[False]:.2f} s without, {took[True]:.2f} s with, ratio {ratios[-1]:.4f}"
        )
    print(f"median ratio {statistics.median(ratios):.4f}, from {min(ratios):.4f} to {max(ratios):.4f}")


if __name__ == "__main__":
    main()
