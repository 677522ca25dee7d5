"""What healing is worth: networks of the zoo that came to nothing, healed by the exam and trained again.

    python -m benchmarks.zoo.healed --zoo runs/zoo.jsonl --out runs/healed.jsonl

A network counts as healed when the exam of the treated copy says that it trains. Printed is the share of those that
then do, by the same measure as in the zoo: briefly, and if that comes to little four times as long. One line a network
is added to the file.
"""

import argparse
import copy
from pathlib import Path

import torch
import torch.nn.functional as F

from benchmarks.rows import Row, add_rows, read_rows
from benchmarks.zoo.draw import draw
from benchmarks.zoo.measure import BATCH, LEARNS, LONGER, came_to
from benchmarks.zoo.networks import build
from residua.exam import heal

TOGETHER = 6


def healed(number: int) -> Row:
    """Return what the exam says that it did for one network, and what the treated copy came to."""
    drawn = draw(number)
    inputs, targets = drawn.on.read()
    torch.manual_seed(number)
    found = heal(build(drawn), (inputs[:BATCH], targets[:BATCH]), loss=F.cross_entropy)
    said = {
        "number": number,
        "family": drawn.family,
        "edits": [edit.words for edit in found.edits],
        "before": found.before.probability,
        "after": found.after.probability,
        "healed": bool(found.edits) and found.after.verdict == "trains",
    }
    if not said["healed"]:
        return said | {"outcome": None}
    came = came_to(lambda: copy.deepcopy(found.model), drawn)
    if max(came.values()) < LEARNS:
        came |= came_to(lambda: copy.deepcopy(found.model), drawn, times=LONGER)
    return said | {"outcome": max(came.values())}


def main() -> None:
    """Heal the networks that came to nothing, train those that are said to be healed, and print the share."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", type=Path, default=Path("runs/zoo.jsonl"))
    parser.add_argument("--out", type=Path, default=Path("runs/healed.jsonl"))
    asked = parser.parse_args()
    known = {row["number"] for row in read_rows(asked.out)}
    ill = [
        row["drawn"]["number"]
        for row in read_rows(asked.zoo)
        if row["outcome"] is not None and row["outcome"] < LEARNS
    ]
    add_rows(healed, [number for number in ill if number not in known], asked.out, together=TOGETHER)
    rows = read_rows(asked.out)
    done = [row for row in rows if row["healed"]]
    well = [row for row in done if row["outcome"] >= LEARNS]
    print(
        f"{len(rows)} networks came to nothing; of {len(done)} the exam says that it healed them; "
        f"{len(well)} then train"
    )
    for row in done:
        print(f"  {row['number']:4} {row['family']:12}{row['outcome']:6.2f}  {'; '.join(row['edits'])}")


if __name__ == "__main__":
    main()
