"""What an exported file gets right of all that a run held out, beside the network of the run.

    python -m benchmarks.export.held_out RUN FILE [--split test]

`residua export` looks at up to 1,000 of these pictures; this looks at all of them.
"""

import argparse
import json
from pathlib import Path

import torch

from residua.export.bundle import Card
from residua.export.job import CPU, load
from residua.export.pictures import gathered, own_split
from residua.export.torch_program import as_program
from residua.export.verify import verify
from residua.runs import load_model, open_run
from residua.runs.model import card_of


def main() -> None:
    """Compare, and print the numbers as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run")
    parser.add_argument("file", type=Path)
    parser.add_argument("--split")
    asked = parser.parse_args()
    run = open_run(asked.run)
    model, program = load_model(run.folder), load(asked.file, CPU)
    split = own_split(run, None, asked.split)
    seen = gathered(split, model.preprocess, len(split), inside=program.card.inside)
    network = as_program(model.network, Card(model=card_of(model, {})), torch.device("cpu"))
    found = verify(program, network, seen, runtime=program.runtime)
    numbers = {
        "pictures": found.pictures,
        "right_before": round(found.accuracy_before * found.pictures),
        "right": round(found.accuracy * found.pictures),
        "points_lost": round(found.lost, 3),
        "same_class": found.agreement,
        "largest_difference": found.difference,
        "speed": round(found.speed, 2),
    }
    print(json.dumps(numbers, indent=2))


if __name__ == "__main__":
    main()
