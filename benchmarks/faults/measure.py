"""Every fault in every family: what the exam says before the training, what a watch says in it, and what came of it.

    python -m benchmarks.faults.measure --half setting --out runs/faults_setting.jsonl
    python -m benchmarks.faults.measure --half kept --healthy 24 --out runs/faults_kept.jsonl
    python -m benchmarks.faults.measure --look --out runs/faults_kept.jsonl      # again after a change of the exam

The families of one half set the harms and the order of the causes, those of the other are looked at once.
Each case is examined (still and with a probe), then trained under a watch; its outcome is how
far it came on test pictures. One line a case is added to the file, and cases that are there are not measured again.
"""

import argparse
import time
from pathlib import Path
from typing import Any, cast

from benchmarks.faults.cases import Case, healthy, trained
from benchmarks.faults.faults import everything, planted
from benchmarks.rows import Row, add_rows, change_rows, read_rows
from benchmarks.zoo.draw import FAMILIES, KEPT, SETTING, Family
from residua.errors import BadInput
from residua.exam import diagnose

BATCH = 256
TOGETHER = 20
HEALTHY = "none"

Key = tuple[str, str, int]


def measured(key: Key) -> dict[str, Any]:
    """Return what was said of one case, and what came of it."""
    fault, family, seed = key
    row: dict[str, Any] = {"fault": fault, "family": family, "seed": seed}
    case = case_of(key)
    if case is None:
        return row | {"applies": False}
    row |= {"applies": True} | said(case)
    try:
        outcome, seen = trained(case)
    except (RuntimeError, ValueError, IndexError) as error:
        return row | {"outcome": 0.0, "watched": [], "error": str(error).splitlines()[0]}
    return row | {"outcome": outcome, "watched": [cause.name for cause in seen.causes]}


def case_of(key: Key) -> Case | None:
    """Return a case anew; None where the fault has no place in the family."""
    fault, name, seed = key
    family = cast(Family, name)
    return healthy(family, seed) if fault == HEALTHY else planted(fault, family, seed)


def looked_at(row: Row) -> Row:
    """Return the row of a case with what the exam says of it now."""
    case = case_of((row["fault"], row["family"], row["seed"]))
    return row if case is None else row | said(case)


def said(case: Case) -> dict[str, Any]:
    """Return what both exams say of a case: probability, verdict and causes."""
    count = min(BATCH, max(case.batch, 2)) if case.batch < 8 else BATCH
    batch = case.train[0][:count], case.train[1][:count]
    answer: dict[str, Any] = {}
    for depth in ("still", "probe"):
        began = time.perf_counter()
        try:
            found = diagnose(
                case.model,
                batch,
                loss=case.loss,
                optimizer=case.optimizer(),
                depth=depth,
                steps=case.steps,
            )
        except BadInput as error:
            answer[depth] = {
                "probability": 0.0,
                "verdict": "does not train",
                "causes": [],
                "error": str(error),
            }
            continue
        answer[depth] = {
            "probability": found.probability,
            "verdict": found.verdict,
            "causes": [cause.name for cause in found.causes],
            "seconds": time.perf_counter() - began,
        }
    return answer


def main() -> None:
    """Measure the cases that are not in the file yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=("setting", "kept"), default="kept")
    parser.add_argument("--only", nargs="+", choices=FAMILIES, help="these families of that half")
    parser.add_argument("--first", type=int, default=0, help="seed of the first fault of each kind")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--healthy", type=int, default=6, help="healthy cases of each family for each seed")
    parser.add_argument("--no-faults", action="store_true", help="the healthy cases alone")
    parser.add_argument("--out", type=Path, default=Path("runs/faults.jsonl"))
    parser.add_argument("--look", action="store_true", help="examine what is in the file, and train nothing")
    asked = parser.parse_args()
    if asked.look:
        change_rows(looked_at, asked.out, together=TOGETHER)
        return
    known = {(row["fault"], row["family"], row["seed"]) for row in read_rows(asked.out)}
    seeds = range(asked.first, asked.first + asked.seeds)
    healthy_seeds = range(asked.first * asked.healthy, (asked.first + asked.seeds) * asked.healthy)
    half = SETTING if asked.half == "setting" else KEPT
    families = tuple(family for family in half if family in (asked.only or half))
    cases: list[Key] = [(HEALTHY, family, seed) for seed in healthy_seeds for family in families]
    planted_cases = [] if asked.no_faults else everything(seeds, families)
    missing = [key for key in [*cases, *planted_cases] if key not in known]
    add_rows(measured, missing, asked.out, together=TOGETHER)


if __name__ == "__main__":
    main()
