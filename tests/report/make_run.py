"""Run folders as training leaves them, with numbers from a seeded generator that behave like a real run's."""

import json
import math
import random
from pathlib import Path
from typing import Any

from PIL import Image

DIGITS = [str(digit) for digit in range(10)]


def make_run(  # noqa: PLR0913  what a run may look like
    folder: Path,
    *,
    classes: list[str] = DIGITS,
    epochs: int = 30,
    planned: int | None = None,
    evaluated: bool = True,
    accuracy: float = 0.975,
    per_class: int = 36,
    size: int = 8,
    data: str = "digits",
    seed: int = 0,
) -> Path:
    """Write a run of `epochs` of `planned` epochs that ends at about `accuracy`, and return `folder`."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "config.json", _config(data, planned or epochs, size))
    _write(folder / "environment.json", _environment(data))
    _write(folder / "data.json", _data(data, classes, per_class, chance))
    rows = _rows(epochs, planned or epochs, accuracy, 1 / len(classes), chance)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if evaluated:
        _write(folder / "model.json", {"name": "resnet20_cifar", "parameters": 272_186, "macs": 2_556_000})
        _write_evaluation(folder, classes, accuracy, per_class, size, chance)
    return folder


def read_json(path: Path) -> Any:
    """Return what the file says."""
    return json.loads(path.read_text())


def change_json(path: Path, **changes: Any) -> None:
    """Overwrite some of the fields of the file."""
    _write(path, read_json(path) | changes)


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def _config(data: str, epochs: int, size: int) -> dict[str, Any]:
    config = {
        "data": data,
        "model": "resnet20_cifar",
        "epochs": epochs,
        "batch_size": 64,
        "lr": 0.070711,
        "optimizer": "sgd",
        "weight_decay": 0.0005,
        "warmup": 0.15,
        "ema": 0.999,
        "clip": 5.0,
        "class_weights": False,
        "image_size": size,
        "augment": "light",
        "amp": False,
        "channels_last": True,
        "resize": [size, size],
        "note": None,
        "device": "cpu",
        "seed": 0,
    }
    chosen = {
        "model": f"the pictures are seen at {size} × {size} pixels",
        "batch_size": "at least 16 steps an epoch of 1,212 pictures, 128 at most",
        "lr": "the usual one of SGD, scaled by the root of the batch",
        "optimizer": "the residual networks' papers used it",
        "weight_decay": "the usual one for this optimizer",
        "warmup": "the first seventh of the steps",
        "ema": "the averaged weights are the ones kept",
        "clip": "far above a healthy gradient",
        "image_size": f"the pictures are about {size} × {size} pixels",
        "amp": "this device has no bfloat16 instructions",
        "channels_last": "convolutions run faster",
        "device": "the fastest here",
    }
    return {"format": 1, "config": config, "chosen": chosen}


def _environment(data: str) -> dict[str, Any]:
    return {
        "command": f"residua train {data} --epochs 30",
        "started": "2026-03-14T09:26:53+00:00",
        "residua": "0.1.0",
        "python": "3.11.2",
        "torch": "2.13.0",
        "platform": "Linux-6.1.0-x86_64-with-glibc2.36",
        "processor": "x86_64",
        "cores": 2,
        "memory": 8_245_821_440,
        "device": "cpu",
    }


def _data(data: str, classes: list[str], per_class: int, chance: random.Random) -> dict[str, Any]:
    splits = {}
    for name, factor in (("train", 3.4), ("val", 0.6), ("test", 1.0)):
        counts = [round(per_class * factor * chance.uniform(0.75, 1.25)) for _ in classes]
        counts = [per_class] * len(classes) if name == "test" else counts
        splits[name] = {"samples": sum(counts), "counts": counts, "names": []}
    notes = ["There was no test split: 20 % of each class was set aside, with seed 0."]
    return {"data": data, "classes": classes, "splits": splits, "notes": notes}


def _rows(
    epochs: int, planned: int, accuracy: float, floor: float, chance: random.Random
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    steps = 20
    for epoch in range(1, epochs + 1):
        learned = 1 - math.exp(-4.5 * epoch / max(planned, 5))
        right = floor + (accuracy - floor) * learned
        for step in range((epoch - 1) * steps + 2, epoch * steps + 1, 2):
            done = step / (planned * steps)
            loss = math.log(1 / floor) * math.exp(-3 * done) * chance.uniform(0.8, 1.2)
            rate = 0.1 * min(1, step / 40) * (1 + math.cos(math.pi * done)) / 2
            norm = (0.4 + 3 * math.exp(-4 * done)) * chance.lognormvariate(0, 0.25)
            rows.append(
                {
                    "kind": "step",
                    "step": step,
                    "epoch": epoch,
                    "loss": loss,
                    "lr": rate,
                    "gradient_norm": norm,
                }
            )
        rows.append(
            {
                "kind": "epoch",
                "epoch": epoch,
                "step": epoch * steps,
                "seconds": 1.2 * chance.uniform(0.95, 1.15),
                "train_loss": math.log(1 / floor) * (1 - 0.93 * learned),
                "train_accuracy": min(1.0, right * 1.012),
                "val_loss": math.log(1 / floor) * (1 - 0.9 * learned) * chance.uniform(0.97, 1.05),
                "val_accuracy": min(1.0, right * chance.uniform(0.985, 1.004)),
                "lr": rows[-1]["lr"],
                "images_per_second": 1078 * chance.uniform(0.9, 1.05),
            }
        )
        if epoch == epochs // 2:
            rows.append(
                {"kind": "event", "step": epoch * steps, "text": f"resumed from step {epoch * steps}"}
            )
    return rows


def _write_evaluation(
    folder: Path, classes: list[str], accuracy: float, per_class: int, size: int, chance: random.Random
) -> None:
    number = len(classes)
    confusion = [[0] * number for _ in classes]
    guesses: list[tuple[int, int, float]] = []
    hard = [chance.uniform(0.4, 1.6) * (1 - accuracy) for _ in classes]
    for truth in range(number):
        for _ in range(per_class):
            wrong = chance.random() < hard[truth]
            guess = (truth + chance.choice([1, 1, 1, 2, number // 2])) % number if wrong else truth
            confusion[truth][guess] += 1
            guesses.append(
                (truth, guess, chance.betavariate(4, 2) if guess != truth else chance.betavariate(14, 1))
            )
    right = sum(confusion[index][index] for index in range(number))
    mistakes = sorted((one for one in guesses if one[0] != one[1]), key=lambda one: -one[2])
    bins = _bins(guesses)
    scores = [_score(name, index, confusion) for index, name in enumerate(classes)]
    evaluation = {
        "split": "test",
        "samples": len(guesses),
        "classes": classes,
        "loss": 0.113,
        "top1": right / len(guesses),
        "top5": (1 + right / len(guesses)) / 2 if number > 5 else None,
        "macro_f1": sum(score["f1"] for score in scores) / number,
        "ece": sum(one["samples"] * abs(one["confidence"] - one["accuracy"]) for one in bins) / len(guesses),
        "per_class": scores,
        "confusion": confusion,
        "bins": bins,
        "mistakes": [
            {
                "name": f"test/{classes[truth][:40]}/{index:05d}.png",
                "truth": classes[truth],
                "guess": classes[guess],
                "probability": probability,
                "truth_probability": (1 - probability) / 2,
                "thumbnail": f"evaluation/test/{index:03d}.png",
            }
            for index, (truth, guess, probability) in enumerate(mistakes[:32])
        ],
    }
    _write(folder / "evaluation" / "test.json", evaluation)
    for index in range(min(32, len(mistakes))):
        _draw(folder / "evaluation" / "test" / f"{index:03d}.png", size, chance)


def _score(name: str, index: int, confusion: list[list[int]]) -> dict[str, Any]:
    right, samples = confusion[index][index], sum(confusion[index])
    guessed = sum(row[index] for row in confusion)
    precision, recall = right / max(guessed, 1), right / max(samples, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"name": name, "samples": samples, "precision": precision, "recall": recall, "f1": f1}


def _bins(guesses: list[tuple[int, int, float]]) -> list[dict[str, Any]]:
    bins = []
    for index in range(15):
        held = [one for one in guesses if min(int(one[2] * 15), 14) == index]
        bins.append(
            {
                "low": index / 15,
                "high": (index + 1) / 15,
                "samples": len(held),
                "confidence": sum(one[2] for one in held) / len(held) if held else 0.0,
                "accuracy": sum(one[0] == one[1] for one in held) / len(held) if held else 0.0,
            }
        )
    return bins


def _draw(path: Path, size: int, chance: random.Random) -> None:
    """A blurred stroke, so that a thumbnail looks like a picture of something."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("L", (size, size))
    at = [size / 2, 0.0]
    for step in range(3 * size):
        at = [min(size - 1, max(0, at[0] + chance.uniform(-0.6, 0.6))), step / 3]
        picture.putpixel((int(at[0]), int(at[1])), chance.randint(150, 255))
    picture.save(path)
