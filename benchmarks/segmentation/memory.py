"""How much memory the prediction of a very large picture takes above the model.

    python -m benchmarks.segmentation.memory [--side 12000] [--out FILE]

A picture of so many pixels a side is drawn, and a small network (a U-Net of 4 and 8 channels, 11 classes, untrained)
predicts it as `residua predict` does: the mask in its encoding, the overlay and the table of areas are written.
The process that predicts reports its own peak. What counts is that peak less what it had resident before, with the
network loaded and one small picture predicted, so that all code and all libraries are there.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from residua.data.masks import MaskEncoding, MaskPreprocess
from residua.nets.build import build
from residua.nets.spec import UNetSpec
from residua.runs import Model, load_model, save_model
from residua.runs.model import card_of
from residua.training import predict

CLASSES = tuple(f"class {number}" for number in range(11))


def resident() -> int:
    """Return the bytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def small_model(folder: Path) -> None:
    """Write an untrained network for pictures with masks."""
    network = build(UNetSpec(widths=(4, 8), norm="batch", classes=len(CLASSES)))
    model = Model(
        name="small",
        network=network,
        classes=CLASSES,
        preprocess=MaskPreprocess(crop=(256, 256), scale=1.0, channels=3, mean=(0.5,) * 3, std=(0.25,) * 3),
        encoding=MaskEncoding(kind="values", classes=CLASSES, values=tuple(range(len(CLASSES)))),
    )
    save_model(folder, card_of(model, {}), network.state_dict())


def draw(path: Path, side: int) -> None:
    """Write a picture of coarse coloured noise."""
    coarse = np.random.default_rng(0).integers(0, 256, (side // 50 + 1, side // 50 + 1, 3), np.uint8)
    Image.fromarray(coarse).resize((side, side), Image.Resampling.BILINEAR).save(path, compress_level=1)


def measure(folder: Path) -> dict[str, float]:
    """Predict the small picture, then the large one; return what the large one took."""
    model = load_model(folder)
    list(predict(model, folder / "small.png", out=folder / "out", device="cpu"))
    before, began = resident(), time.monotonic()
    for found in predict(model, folder / "large.png", out=folder / "out", device="cpu"):
        assert found.error is None, found.error
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "before_gb": before / 1e9,
        "peak_gb": peak / 1e9,
        "above_gb": (peak - before) / 1e9,
        "seconds": time.monotonic() - began,
    }


def main() -> None:
    """Measure, print, and write the numbers down."""
    parser = argparse.ArgumentParser(description="Memory of the prediction of a very large picture.")
    parser.add_argument("--side", type=int, default=12_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(measure(given.inside)))
        return
    Image.MAX_IMAGE_PIXELS = None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small_model(folder)
        draw(folder / "small.png", 300)
        draw(folder / "large.png", given.side)
        command = [sys.executable, "-m", "benchmarks.segmentation.memory", "--inside", str(folder)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {"side": given.side, **json.loads(answer)}
    print(
        f"{given.side:,} × {given.side:,}: {found['above_gb']:.2f} GB above the {found['before_gb']:.2f} GB of the "
        f"process with its model, in {found['seconds']:.0f} s"
    )
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
