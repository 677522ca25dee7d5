"""The zoo: random networks, what the exam sees of each before training, and what training then did.

    python -m benchmarks.zoo.measure --count 420 --out runs/zoo.jsonl

Each network is trained at three learning rates on the embedded digits; its outcome is the best training accuracy
of the three. One line a network is added to the file, and networks that are there are not trained again; with
`--look` they are looked at again, as after a change of the exam.
"""

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path

import torch.nn.functional as F

from benchmarks.rows import Row, add_rows, read_rows
from benchmarks.zoo.networks import build, draw
from residua.exam.features import features
from residua.exam.observe import observe
from residua.exam.probe import probe
from residua.exam.rules import RULES
from residua.lab.cores import on_all_cores
from residua.lab.fitting import Fit, error, fit
from residua.lab.samples import samples

RATES = (0.003, 0.03, 0.3)
BATCH = 256
TOGETHER = 28
"""Networks between two writes to the file."""


def trained(number: int) -> Row:
    """Return what is seen of one network, and its outcome."""
    pictures, drawn = samples(), draw(number)
    accuracies = {}
    for rate in RATES:
        model = build(drawn)
        fit(model, pictures.train, Fit(epochs=8, batch=64, lr=rate), seed=number)
        accuracies[str(rate)] = 1 - error(model, pictures.train) / 100
    return looked_at({"drawn": asdict(drawn), "accuracies": accuracies, "outcome": max(accuracies.values())})


def looked_at(row: Row) -> Row:
    """Return the row of a network with what the exam sees of it now."""
    model, batch = build(draw(row["drawn"]["number"])), samples().batch(BATCH)
    seen = observe(model, batch, loss=F.cross_entropy, optimizer=None)
    causes = [cause for rule in RULES for cause in rule(seen)]
    return row | {
        "parameters": sum(weight.count for weight in seen.weights),
        "layers": seen.depth,
        "features": asdict(features(seen)),
        "drops": {
            f"{tried.lr:g}": tried.drop for tried in probe(model, batch, loss=F.cross_entropy, optimizer=None)
        },
        "causes": [cause.name for cause in causes if not cause.note],
        "left": math.prod(1 - cause.harm for cause in causes),
    }


def main() -> None:
    """Measure the networks that are not in the file yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=420)
    parser.add_argument("--out", type=Path, default=Path("runs/zoo.jsonl"))
    parser.add_argument("--look", action="store_true")
    asked = parser.parse_args()
    rows = read_rows(asked.out)
    if asked.look:
        rows = on_all_cores(looked_at, rows, device="cpu")
        asked.out.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return
    known = {row["drawn"]["number"] for row in rows}
    missing = [number for number in range(asked.count) if number not in known]
    add_rows(trained, missing, asked.out, together=TOGETHER)


if __name__ == "__main__":
    main()
