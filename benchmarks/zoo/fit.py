"""From the zoo to the weights of the verdict, on one half of its families, and what they reach on the other.

    python -m benchmarks.zoo.fit --zoo runs/zoo.jsonl

Five families set the weights; the other five are only looked at. Prints the two tables that stand in
`residua/exam/verdict.py`, the area under ROC of both exams and of what others use, family by family, and the
calibration error.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.rows import Row, read_rows
from benchmarks.zoo.baselines import grad_norm, naswot, synflow
from benchmarks.zoo.draw import KEPT, SETTING, draw
from benchmarks.zoo.networks import build
from residua.exam.verdict import INTERCEPT, LIKELY, PROBED, STILL

LEARNS = 0.5
"""Share of the way from chance to what is usual from which a network has learned."""
WELL = 0.85
"""Share of that way from which a network is well, and an alarm is a false one."""
BINS = 10
BATCH = 64


def read(path: Path) -> list[Row]:
    """Return the networks of the zoo in their order."""
    return sorted(read_rows(path), key=lambda row: row["drawn"]["number"])


def sets(row: Row) -> bool:
    """Return whether a network is of the half that sets the weights."""
    return row["drawn"]["family"] in SETTING


def table(rows: list[Row], *, probed: bool) -> tuple[np.ndarray, list[str]]:
    """Return what the verdict weighs, a row a network, and the names of the columns."""
    names = [name for name in (PROBED if probed else STILL) if name != INTERCEPT]
    values = [{**row["features"], "learned": row["learned"]} for row in rows]
    return np.nan_to_num(np.array([[value[name] for name in names] for value in values])), names


def weights(rows: list[Row], *, probed: bool) -> tuple[dict[str, float], np.ndarray]:
    """Return the weights by name, set on the given rows, and those of the scaled columns for a reader."""
    columns, names = table(rows, probed=probed)
    labels = [row["outcome"] >= LEARNS for row in rows]
    model = make_pipeline(
        StandardScaler(), LogisticRegressionCV(Cs=np.logspace(-3, 2, 16), cv=5, scoring="neg_log_loss")
    )
    model.fit(columns, labels)
    scale, regression = model[0], model[1]
    slopes = regression.coef_[0] / scale.scale_
    intercept = regression.intercept_[0] - float((slopes * scale.mean_).sum())
    return {INTERCEPT: intercept, **dict(zip(names, slopes.tolist(), strict=True))}, regression.coef_[0]


def scores(rows: list[Row], weighed: dict[str, float], *, probed: bool) -> np.ndarray:
    """Return the probability of each network, as the verdict has it: the sum, less the harm of the causes."""
    columns, names = table(rows, probed=probed)
    score = weighed[INTERCEPT] + columns @ np.array([weighed[name] for name in names])
    left = np.array([row["left"]["probe" if probed else "still"] for row in rows])
    return left / (1 + np.exp(-score.clip(-30, 30)))


def calibration(labels: np.ndarray, likely: np.ndarray) -> float:
    """Return the expected calibration error over ten bins of equal width."""
    places = np.minimum((likely * BINS).astype(int), BINS - 1)
    total = 0.0
    for place in range(BINS):
        inside = places == place
        if inside.any():
            total += inside.mean() * abs(labels[inside].mean() - likely[inside].mean())
    return total


def auc(labels: np.ndarray, values: np.ndarray) -> float:
    """Return the area under ROC; not a number where all networks ended alike."""
    return float(roc_auc_score(labels, values)) if 0 < labels.mean() < 1 else float("nan")


def others(rows: list[Row]) -> dict[str, np.ndarray]:
    """Return what others predict from, for each network."""
    found: dict[str, list[float]] = {
        "depth alone": [],
        "parameters": [],
        "grad_norm": [],
        "synflow": [],
        "NASWOT": [],
    }
    for row in rows:
        drawn = draw(row["drawn"]["number"])
        inputs, targets = drawn.on.read()
        batch = inputs[:BATCH], targets[:BATCH]
        found["depth alone"].append(-row["layers"])
        found["parameters"].append(row["parameters"])
        found["grad_norm"].append(grad_norm(build(drawn), batch))
        found["synflow"].append(synflow(build(drawn), batch))
        found["NASWOT"].append(naswot(build(drawn), batch))
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    """Print the weights and what they reach."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", type=Path, default=Path("runs/zoo.jsonl"))
    parser.add_argument(
        "--fresh", type=int, default=0, help="of those kept aside only these numbers and higher"
    )
    asked = parser.parse_args()
    rows = [row for row in read(asked.zoo) if "features" in row]
    setting = [row for row in rows if sets(row)]
    kept = [row for row in rows if not sets(row) and row["drawn"]["number"] >= asked.fresh]
    torch.set_num_threads(1)
    compared = others(kept)
    for title, probed in (("STILL", False), ("PROBED", True)):
        weighed, scaled = weights(setting, probed=probed)
        print(f"\n{title}: weights from {len(setting)} networks")
        for name, value in weighed.items():
            print(f'    "{name}": {value:.4g},')
        print("    scaled:", " ".join(f"{value:+.2f}" for value in scaled))
        compared = {f"exam, {title.lower()}": scores(kept, weighed, probed=probed), **compared}
        for half, name in ((setting, "setting"), (kept, "kept aside")):
            labels = np.array([row["outcome"] >= LEARNS for row in half])
            likely = scores(half, weighed, probed=probed)
            print(
                f"    {name}: {len(half)} networks, {labels.mean():.0%} learn, AUC {auc(labels, likely):.3f}, "
                f"calibration error {calibration(labels, likely):.3f}"
            )
    if not kept:
        return
    for title, weighed in (("still", STILL), ("probe", PROBED)):
        likely = scores(kept, dict(weighed), probed=title == "probe")
        well = [place for place, row in enumerate(kept) if row["outcome"] >= WELL]
        alarms = sum(likely[place] < LIKELY or bool(kept[place]["causes"][title]) for place in well)
        print(f"\n{title}, as it stands: {alarms} alarms on {len(well)} kept aside that learn to {WELL:.0%}")
    labels = np.array([row["outcome"] >= LEARNS for row in kept])
    families = np.array([row["drawn"]["family"] for row in kept])
    print("\nAUC on those kept aside" + "".join(f"{family:>12}" for family in ("all", *KEPT)))
    for name, values in compared.items():
        cells = [auc(labels, values), *(auc(labels[families == f], values[families == f]) for f in KEPT)]
        print(f"{name:23}" + "".join(f"{cell:12.3f}" for cell in cells))


if __name__ == "__main__":
    main()
