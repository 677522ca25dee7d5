"""CamVid at half size: Residua with its defaults beside segmentation_models.pytorch in the loop of its documentation.

    python -m benchmarks.segmentation.camvid CAMVID --peer PYTHON [--minutes 20] [--seeds 2] [--out FILE]

Both train on `train` and are scored on `val` at its original size (480 × 360), by the same counting. For each seed the
two run at the same time, each alone on one core, and as long as each other: the peer trains until the training of
Residua is over. Residua's epochs are as many as fit into the minutes, by the time of its first steps; what it
validates and evaluates on the way is within its time, and so is the peer's validation after each epoch.

The peer (`peer.py`): Unet("resnet18", encoder_weights=None), Adam at 1e-3, cross-entropy with ignore_index, batches of
8 pictures, flips left to right, half size padded to a multiple of 32, float32. Its best epoch on `val` counts, as its
documentation keeps it; Residua keeps its last.

PYTHON is that of an environment with segmentation-models-pytorch, in which Residua can be imported too.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from residua.nets.build import build
from residua.training import Settings, train
from residua.training.seed import seed_everything
from residua.training.tasks import decide, open_task

STEPS = 24
"""Steps that are timed to say how long an epoch takes, the first three of them left out."""


def seconds_an_epoch(data: str) -> float:
    """Return how long an epoch of Residua takes here, its validation included, from a few steps of a copy."""
    task = open_task(data, Settings(scale=0.5))
    recipe, _ = decide(task, Settings(scale=0.5), data)
    task = task.loaded(lambda done, total: None)
    seed_everything(0)
    network = build(task.spec(recipe)).to(memory_format=torch.channels_last)
    loss = task.loss(recipe, torch.device("cpu"))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-6)
    batches, began = task.batches(recipe), 0.0
    for number, batch in zip(range(STEPS), batches.epoch(1), strict=False):
        if number == 3:
            began = time.monotonic()
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.amp):
            logits = network(batch.images.to(memory_format=torch.channels_last))
        optimizer.zero_grad()
        loss(logits, batch.targets).backward()
        optimizer.step()
    steps = (time.monotonic() - began) * len(batches) / (STEPS - 3)
    began = time.monotonic()
    task.validate(network, torch.device("cpu"), amp=recipe.amp)
    return steps + time.monotonic() - began


def ours(data: str, seed: int, minutes: float, folder: Path) -> dict[str, Any]:
    """Train Residua for about so many minutes; return its scores on val."""
    began = time.monotonic()
    epochs = max(1, int((60 * minutes - 20) / seconds_an_epoch(data)))
    began = time.monotonic()
    run, _ = train(data, Settings(scale=0.5, epochs=epochs, seed=seed, device="cpu"), run=folder / "run")
    seconds = time.monotonic() - began
    scores = json.loads((run.evaluation / "val.json").read_text())
    return {"name": "residua", "seed": seed, "epochs": epochs, "seconds": seconds, **brief(scores)}


def brief(scores: dict[str, Any]) -> dict[str, Any]:
    """Return what is compared."""
    return {
        "mean_iou": scores["mean_iou"],
        "pixel_accuracy": scores["pixel_accuracy"],
        "iou": {one["name"]: one["iou"] for one in scores["per_class"]},
    }


def on_core(core: int, command: list[str]) -> subprocess.Popen[str]:
    """Start a process that has one core to itself."""
    settings = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

    def pin() -> None:
        os.sched_setaffinity(0, {core})

    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=settings, preexec_fn=pin)


def pair(given: argparse.Namespace, seed: int, cores: list[int]) -> list[dict[str, Any]]:
    """Train both at once for one seed; each has the core that the other had for the seed before."""
    first, second = (cores[(seed + place) % len(cores)] for place in (0, 1))
    with tempfile.TemporaryDirectory() as name:
        stop = Path(name) / "stop"
        module = ["-m", "benchmarks.segmentation.camvid", given.data, "--minutes", str(given.minutes)]
        mine = on_core(first, [sys.executable, *module, "--inside", str(seed), "--folder", name])
        peer = [given.peer, "-m", "benchmarks.segmentation.peer", given.data, "--stop", str(stop)]
        theirs = on_core(second, [*peer, "--seed", str(seed)])
        answer = mine.communicate()[0]
        stop.touch()
        return [json.loads(text.splitlines()[-1]) for text in (answer, theirs.communicate()[0])]


def show(rows: list[dict[str, Any]]) -> None:
    """Print a table: each training, then the mean of each side."""
    print(f"{'':<32}{'seed':>5}{'epochs':>8}{'seconds':>9}{'mean IoU':>10}{'pixels':>9}")
    for row in rows:
        print(
            f"{row['name']:<32}{row['seed']:>5}{row['epochs']:>8}{row['seconds']:>9.0f}"
            f"{row['mean_iou']:>10.4f}{row['pixel_accuracy']:>9.2%}"
        )
    for name in dict.fromkeys(row["name"] for row in rows):
        found = [row["mean_iou"] for row in rows if row["name"] == name]
        print(f"{name:<32}mean over {len(found)} seeds: {statistics.mean(found):.4f}")


def main() -> None:
    """Run both sides, print the table, write the rows down."""
    parser = argparse.ArgumentParser(description="CamVid at half size, beside segmentation_models.pytorch.")
    parser.add_argument("data")
    parser.add_argument("--peer", help="the Python of an environment with segmentation-models-pytorch")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside is not None:
        print(json.dumps(ours(given.data, given.inside, given.minutes, given.folder)))
        return
    if not given.peer:
        parser.error("--peer is needed: the Python of an environment with segmentation-models-pytorch")
    cores = sorted(os.sched_getaffinity(0))[:2]
    rows = []
    for seed in range(given.seeds):
        rows += pair(given, seed, cores)
        show(rows)
        if given.out:
            given.out.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
