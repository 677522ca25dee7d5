"""The zoo: random networks, what the exam sees of each before training, and what training then did.

    python -m benchmarks.zoo.measure --count 300 --out runs/zoo.jsonl        # trains; then
    python -m benchmarks.zoo.measure --longer --out runs/zoo.jsonl           # trains again what came to little
    python -m benchmarks.zoo.measure --look --out runs/zoo.jsonl             # looks, again after a change of the exam

Each network is trained with SGD and, if that comes to little, with AdamW; its outcome is how far the better of
the two came on the way from chance to what is usual on its pictures. What came to less than half of it is not yet
known to be hopeless: `--longer` trains it four times as long. One line a network is added to the
file, and networks that are there are not trained again.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.rows import Row, add_rows, change_rows, read_rows
from benchmarks.zoo.draw import FAMILIES, KEPT, SETTING, Drawn, draw
from benchmarks.zoo.networks import build
from benchmarks.zoo.pictures import Pictures, score
from residua.errors import BadInput
from residua.exam.diagnose import judge
from residua.exam.observe import observe
from residua.exam.probe import PATIENCE, probe
from residua.exam.trial import ENOUGH, LEAST
from residua.exam.verdict import left, pace
from residua.lab.fitting import Fit, fit

BATCH = 256
WAYS = {
    "sgd .05": Fit(lr=0.05),
    "adamw .002": Fit(lr=0.002, kind="adamw", weight_decay=0.01),
}
NEAR = 0.85
"""Share of the way to what is usual from which the other way of training need not be tried."""
LEARNS = 0.5
"""Share of the way below which a network is trained again, for longer."""
LONGER = 4
"""How many times as long."""
SLOWEST = PATIENCE * ENOUGH / LEAST
"""The pace of a network without any gradient."""
TOGETHER = 10
"""Networks between two writes to the file."""


def trained(number: int) -> Row:
    """Return the outcome of one network; None for one that cannot take a step."""
    drawn = draw(number)
    began = time.process_time()
    try:
        came = came_to(lambda: build(drawn), drawn)
    except RuntimeError as error:  # an activation of another kind may not go with what is done in place
        return {"drawn": asdict(drawn), "outcome": None, "error": str(error).splitlines()[0]}
    seconds = time.process_time() - began
    return {"drawn": asdict(drawn), "came": came, "outcome": max(came.values()), "seconds": seconds}


def trained_longer(row: Row) -> Row:
    """Return the row of a network with what came of it after a longer training, if it had come to little."""
    if row["outcome"] is None or row["outcome"] >= LEARNS or "came longer" in row:
        return row
    drawn = draw(row["drawn"]["number"])
    longer = came_to(lambda: build(drawn), drawn, times=LONGER)
    return row | {"came longer": longer, "outcome": max(row["outcome"], *longer.values())}


def came_to(make: Callable[[], nn.Module], drawn: Drawn, *, times: int = 1) -> dict[str, float]:
    """Train a network, made anew for each way of training, and return how far each of them came."""
    examples = drawn.on.read()
    came: dict[str, float] = {}
    for name, how in WAYS.items():
        model = make()
        brief = as_brief(how, drawn.on)
        fit(model, examples, replace(brief, epochs=times * brief.epochs), seed=drawn.number)
        came[name] = drawn.on.progress(score(model, examples))
        if came[name] >= NEAR:
            break
    return came


def as_brief(how: Fit, pictures: Pictures) -> Fit:
    """Return a way of training in the batches and over the epochs of some pictures."""
    return replace(how, epochs=pictures.epochs, batch=pictures.batch, warmup=0.1)


def looked_at(row: Row) -> Row:
    """Return the row of a network with what the exam sees of it now."""
    if row["outcome"] is None:
        return row
    drawn = draw(row["drawn"]["number"])
    inputs, targets = drawn.on.read()
    batch = inputs[:BATCH], targets[:BATCH]
    torch.manual_seed(drawn.number)
    model = build(drawn)
    began = time.process_time()
    try:
        seen = observe(model, batch, loss=F.cross_entropy, optimizer=None)
    except BadInput as error:
        return row | {"outcome": None, "error": str(error)}
    still = time.process_time() - began
    probed = () if seen.coherence is None else probe(model, batch, loss=F.cross_entropy, optimizer=None)
    judged = {"still": judge(seen, ()), "probe": judge(seen, probed)}
    return row | {
        "parameters": sum(weight.count for weight in seen.weights),
        "layers": seen.depth,
        "features": asdict(judged["still"].features),
        "pace": math.log10(pace(probed) if probed else SLOWEST),
        "probed": [asdict(probe_row) for probe_row in probed],
        "causes": {depth: [cause.name for cause in found.causes] for depth, found in judged.items()},
        "left": {depth: left(found.causes) for depth, found in judged.items()},
        "harms": [[cause.name, cause.harm, cause.symptom] for cause in judged["still"].causes],
        "seconds of look": {"still": still, "probe": time.process_time() - began - still},
    }


def main() -> None:
    """Train the networks that are not in the file yet, or look at all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--out", type=Path, default=Path("runs/zoo.jsonl"))
    parser.add_argument("--half", choices=("setting", "kept"), help="networks of these families alone")
    parser.add_argument("--look", action="store_true")
    parser.add_argument("--longer", action="store_true")
    asked = parser.parse_args()
    rows = read_rows(asked.out)
    if asked.look or asked.longer:
        again = looked_at if asked.look else trained_longer
        change_rows(again, asked.out, together=TOGETHER)
        return
    known = {row["drawn"]["number"] for row in rows}
    families = {"setting": SETTING, "kept": KEPT, None: FAMILIES}[asked.half]
    wanted = [number for number in range(asked.first, asked.count) if draw(number).family in families]
    missing = [number for number in wanted if number not in known]
    add_rows(trained, missing, asked.out, together=TOGETHER)


if __name__ == "__main__":
    main()
