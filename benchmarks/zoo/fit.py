"""From the zoo to the weights of the verdict, on one half of its families, and what they reach on the other.

    python -m benchmarks.zoo.fit --zoo runs/zoo.jsonl [--fresh NUMBER]

Five families set the weights; the other five are only looked at. Prints the two tables that stand in
`residua/exam/verdict.py`, then for both lengths of training the area under ROC of both exams and of what others use,
family by family, and the calibration error.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.zoo.baselines import grad_norm, naswot, synflow
from benchmarks.zoo.draw import FAMILIES, KEPT, SETTING, Family
from benchmarks.zoo.networks import build
from benchmarks.zoo.trainings import LENGTHS, Training, read_trainings, table
from residua.exam.verdict import INTERCEPT, LIKELY, PROBED, STILL, SUREST

WELL = 0.85
"""Share of that way from which a network is well, and an alarm is a false one."""
BINS = 10
FOLDS = 10
DEPTHS = {"still": False, "probe": True}
BATCH = 64


def weights(trainings: list[Training], *, probed: bool) -> tuple[dict[str, float], np.ndarray]:
    """Return the weights by name, set on the given trainings, and those of the scaled columns for a reader."""
    columns, names = table(trainings, probed=probed)
    labels = [one.learned for one in trainings]
    model = make_pipeline(
        StandardScaler(),
        LogisticRegressionCV(
            Cs=np.logspace(-3, 2, 16),
            cv=5,
            scoring="neg_log_loss",
            l1_ratios=(0,),
            use_legacy_attributes=False,
        ),
    )
    model.fit(columns, labels)
    scale, regression = model[0], model[1]
    slopes = regression.coef_[0] / scale.scale_
    intercept = regression.intercept_[0] - float((slopes * scale.mean_).sum())
    return {INTERCEPT: intercept, **dict(zip(names, slopes.tolist(), strict=True))}, regression.coef_[0]


def scores(trainings: list[Training], weighed: Mapping[str, float], *, probed: bool) -> np.ndarray:
    """Return the probability of each training, as the verdict has it: the sum, less the harm of the causes."""
    columns, names = table(trainings, probed=probed)
    score = weighed[INTERCEPT] + columns @ np.array([weighed[name] for name in names])
    left = np.array([one.row["left"]["probe" if probed else "still"] for one in trainings])
    return left * np.minimum(SUREST, 1 / (1 + np.exp(-score.clip(-30, 30))))


def tenth(one: Training) -> int:
    """Return which tenth of the networks one is of."""
    return one.drawn.number // len(FAMILIES) % FOLDS


def family(one: Training) -> Family:
    """Return the family of a network."""
    return one.drawn.family


def from_the_others(
    trainings: list[Training], part: Callable[[Training], int | str], *, probed: bool
) -> np.ndarray:
    """Return the probability of each training, with weights that are set on all but the part that it is in."""
    likely = np.zeros(len(trainings))
    for fold in {part(one) for one in trainings}:
        inside = [part(one) == fold for one in trainings]
        weighed, _ = weights(
            [one for one, asked in zip(trainings, inside, strict=True) if not asked], probed=probed
        )
        likely[inside] = scores(
            [one for one, asked in zip(trainings, inside, strict=True) if asked], weighed, probed=probed
        )
    return likely


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


def others(trainings: list[Training]) -> dict[str, np.ndarray]:
    """Return what others predict from, for each network."""
    found: dict[str, list[float]] = {
        "depth alone": [],
        "parameters": [],
        "grad_norm": [],
        "synflow": [],
        "NASWOT": [],
    }
    for one in trainings:
        drawn, row = one.drawn, one.row
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
    torch.set_num_threads(1)
    lengths = {length: read_trainings(asked.zoo, length) for length in LENGTHS}
    setting = [one for trainings in lengths.values() for one in trainings if one.sets]
    fitted: dict[str, Mapping[str, float]] = {}
    for depth, probed in DEPTHS.items() if setting else ():
        weighed, scaled = weights(setting, probed=probed)
        print(f"\n{depth}: weights from {len(setting)} trainings")
        for name, value in weighed.items():
            print(f'    "{name}": {value:.4g},')
        print("    scaled:", " ".join(f"{value:+.2f}" for value in scaled))
        labels, half = np.array([one.learned for one in setting]), len(setting) // len(LENGTHS)
        for part, words in (
            (tenth, "tenth from nine tenths of the networks"),
            (family, "family from the others"),
        ):
            likely = from_the_others(setting, part, probed=probed)
            for place, length in enumerate(LENGTHS):
                of = slice(place * half, (place + 1) * half)
                print(f"    {length}, each {words}: AUC {auc(labels[of], likely[of]):.3f}")
        fitted[depth] = weighed
    for length, trainings in lengths.items():
        own = [one for one in trainings if one.sets]
        kept = [one for one in trainings if not one.sets and one.drawn.number >= asked.fresh]
        if own:
            show(f"{length}, the half that sets the weights, with these weights", own, fitted, SETTING)
        if kept:
            show(
                f"{length}, kept aside, as the verdict stands", kept, {"still": STILL, "probe": PROBED}, KEPT
            )


def show(
    title: str,
    trainings: list[Training],
    weighed: Mapping[str, Mapping[str, float]],
    families: tuple[Family, ...],
) -> None:
    """Print areas under ROC by family, calibration and false alarms."""
    labels = np.array([one.learned for one in trainings])
    of = np.array([one.drawn.family for one in trainings])
    print(f"\n{title}: {len(trainings)} networks, {labels.mean():.0%} learn")
    likely = {depth: scores(trainings, weighed[depth], probed=probed) for depth, probed in DEPTHS.items()}
    for depth, values in likely.items():
        well = [place for place, one in enumerate(trainings) if one.outcome >= WELL]
        alarms = sum(values[place] < LIKELY or bool(trainings[place].row["causes"][depth]) for place in well)
        print(
            f"  {depth}: calibration error {calibration(labels, values):.3f}; {alarms} alarms on {len(well)} that "
            f"learn to {WELL:.0%}"
        )
    print(" " * 16 + "".join(f"{family:>13}" for family in ("all", *families)))
    for name, values in {**likely, **others(trainings)}.items():
        cells = [auc(labels, values), *(auc(labels[of == f], values[of == f]) for f in families)]
        print(f"{name:16}" + "".join(f"{cell:13.3f}" for cell in cells))


if __name__ == "__main__":
    main()
