"""What the exam is worth: area under ROC, false alarms, recall and right causes, on the families that set nothing.

python -m benchmarks.faults.score --faults runs/faults_kept.jsonl
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.faults.faults import FAULTS
from benchmarks.faults.measure import HEALTHY
from benchmarks.rows import Row, read_rows
from residua.exam.verdict import verdict

LEARNS = 0.5
"""Share of the way from chance to what is usual, on test pictures, from which a training has come to something."""
TOP = 3


def alarmed(row: Row, depth: str) -> bool:
    """Return whether the exam says that something is wrong: another verdict than "trains", or a cause."""
    return verdict(row[depth]["probability"]) != "trains" or bool(row[depth]["causes"])


def named(row: Row, depth: str, top: int) -> bool:
    """Return whether one of the first causes is right for the fault; a watch names what shows in running."""
    fault = FAULTS[row["fault"]]
    found = row["watched"] if fault.runs else row[depth]["causes"]
    return any(cause in fault.causes for cause in found[:top])


def share(answers: list[bool]) -> str:
    """Return how many of some answers are yes."""
    return f"{np.mean(answers):.3f} ({sum(answers)} of {len(answers)})" if answers else "none"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=Path, default=Path("runs/faults_kept.jsonl"))
    rows = [row for row in read_rows(parser.parse_args().faults) if row["applies"]]
    well = [row for row in rows if row["fault"] == HEALTHY and row["outcome"] >= LEARNS]
    ill = [row for row in rows if row["fault"] != HEALTHY and row["outcome"] < LEARNS]
    planted = [row for row in rows if row["fault"] != HEALTHY]
    print(
        f"{len(rows)} cases: {len(well)} healthy that train, {len(planted)} faults, {len(ill)} of which do not train"
    )
    before = [row for row in rows if row["fault"] == HEALTHY or not FAULTS[row["fault"]].runs]
    for depth in ("still", "probe"):
        labels = [row["outcome"] >= LEARNS for row in before]
        likely = [row[depth]["probability"] for row in before]
        print(f"\n{depth}: area under ROC {roc_auc_score(labels, likely):.3f}")
        print("  false alarms on healthy", share([alarmed(row, depth) for row in well]))
        recalled = [alarmed(row, depth) or bool(row["watched"]) for row in ill]
        print("  recall on faults that stop the training", share(recalled))
        for top in (1, TOP):
            print(f"  right cause among the first {top}", share([named(row, depth, top) for row in planted]))
    families = sorted({row["family"] for row in before})
    for family in families:
        own = [row for row in before if row["family"] == family]
        areas = [
            roc_auc_score([r["outcome"] >= LEARNS for r in own], [r[depth]["probability"] for r in own])
            for depth in ("still", "probe")
        ]
        print(f"{family:14} {len(own):3} cases, area under ROC still {areas[0]:.3f}, probe {areas[1]:.3f}")
    print("\nfalse alarms:")
    for row in well:
        if alarmed(row, "probe"):
            print("  ", row["family"], row["seed"], row["probe"])
    print("\nright cause first, by fault (probe); accuracy reached:")
    by_fault: dict[str, list[Row]] = defaultdict(list)
    for row in planted:
        by_fault[row["fault"]].append(row)
    for fault, some in by_fault.items():
        reached = np.mean([row["outcome"] for row in some])
        other = [row["probe"]["causes"][:2] for row in some if not named(row, "probe", 1)][:2]
        print(
            f"  {fault:28}{share([named(row, 'probe', 1) for row in some]):20}{reached:8.2f}  {other or ''}"
        )


if __name__ == "__main__":
    main()
