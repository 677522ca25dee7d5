"""The zoo: random networks, what the exam sees of each before training, and what training then did.

    python -m benchmarks.zoo.measure --count 280 --out runs/zoo.jsonl

Each network is trained at three learning rates on the embedded digits; its outcome is the best training accuracy
of the three. One line a network is added to the file, and networks that are there are not measured again.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch.nn.functional as F

from benchmarks.zoo.networks import build, draw
from residua.exam.features import features
from residua.exam.observe import observe
from residua.exam.probe import probe
from residua.lab.cores import on_all_cores
from residua.lab.fitting import Fit, error, fit
from residua.lab.samples import samples

RATES = (0.003, 0.03, 0.3)
BATCH = 256


def measured(number: int) -> dict[str, object]:
    """Return what is seen of one network, and its outcome."""
    pictures = samples()
    drawn = draw(number)
    model = build(drawn)
    batch = pictures.batch(BATCH)
    seen = observe(model, batch, loss=F.cross_entropy, optimizer=None)
    drops = {f"{row.lr:g}": row.drop for row in probe(model, batch, loss=F.cross_entropy, optimizer=None)}
    accuracies = []
    for rate in RATES:
        trained = build(drawn)
        fit(trained, pictures.train, Fit(epochs=8, batch=64, lr=rate), seed=number)
        accuracies.append(1 - error(trained, pictures.train) / 100)
    return {
        "drawn": asdict(drawn),
        "parameters": sum(weight.count for weight in seen.weights),
        "layers": seen.depth,
        "features": asdict(features(seen)),
        "drops": drops,
        "accuracies": dict(zip(map(str, RATES), accuracies, strict=True)),
        "outcome": max(accuracies),
    }


def main() -> None:
    """Measure the networks that are not in the file yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=280)
    parser.add_argument("--out", type=Path, default=Path("runs/zoo.jsonl"))
    asked = parser.parse_args()
    known = set()
    if asked.out.exists():
        known = {json.loads(line)["drawn"]["number"] for line in asked.out.read_text().splitlines()}
    missing = [number for number in range(asked.count) if number not in known]
    for start in range(0, len(missing), 14):
        rows = on_all_cores(measured, missing[start : start + 14], device="cpu")
        with asked.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        print(f"{start + len(rows)} of {len(missing)} measured", flush=True)


if __name__ == "__main__":
    main()
