"""Run folders as training on masks leaves them: the scores are counted on scenes whose prediction is off by a bit."""

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from residua.data import scenes
from tests.report.make_run import change_json

WORST = 12


def make_mask_run(
    folder: Path,
    *,
    classes: list[str] | None = None,
    epochs: int = 20,
    planned: int | None = None,
    evaluated: bool = True,
    encoding: dict[str, Any] | None = None,
) -> Path:
    """Write a run on scenes of `epochs` of `planned` epochs, and return `folder`."""
    drawn = scenes(counts={"test": 30})["test"]
    classes = classes or ["background", *map(str, range(10))]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in _rows(epochs)))
    _write(folder / "config.json", _config(planned or epochs))
    _write(
        folder / "environment.json",
        {"command": "residua train scenes", "started": "2026-03-14T09:26:53+00:00"},
    )
    change_json(folder / "environment.json", device="cpu", threads=2, torch="2.13.0")
    pixels = np.bincount(drawn.masks.ravel(), minlength=len(classes)).tolist()
    counts = dict(zip(classes, pixels, strict=False))
    split = {"samples": 30, "pixels": counts, "void": 1_234, "pictures": dict.fromkeys(classes, 7)}
    data = {
        "task": "segmentation",
        "data": "scenes",
        "classes": classes,
        "splits": {"train": split | {"samples": 1_000}, "val": split, "test": split},
        "notes": ["scenes of digits, drawn from seed 0: 2,000 train, 100 val, 200 test"],
        "encoding": encoding
        or {"kind": "values", "classes": classes, "values": list(range(len(classes))), "void": [255]},
    }
    _write(folder / "data.json", data)
    if evaluated:
        _write(
            folder / "model.json", {"name": "unet_resnet18", "parameters": 14_300_000, "macs": 1_200_000_000}
        )
        _evaluate(folder, drawn.pictures[..., 0], drawn.masks, classes)
    return folder


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def _config(epochs: int) -> dict[str, Any]:
    config = {
        "data": "scenes",
        "model": "unet_resnet18",
        "epochs": epochs,
        "batch_size": 32,
        "loss": "ce+dice",
    }
    chosen = {
        "model": "a ResNet-18 on the way down",
        "loss": "cross-entropy for each pixel, Dice for small classes",
    }
    return {"format": 1, "config": config, "chosen": chosen}


def _rows(epochs: int) -> list[dict[str, Any]]:
    chance = random.Random(0)
    rows: list[dict[str, Any]] = []
    for epoch in range(1, epochs + 1):
        left = math.exp(-epoch / 5)
        for step in range(31 * epoch - 30, 31 * epoch + 1, 10):
            loss, norm = 1.2 * left * chance.uniform(0.9, 1.1), 0.5 + 2 * left
            rows.append(
                {
                    "kind": "step",
                    "step": step,
                    "epoch": epoch,
                    "loss": loss,
                    "lr": 1e-3,
                    "gradient_norm": norm,
                }
            )
        rows.append(
            {
                "kind": "epoch",
                "epoch": epoch,
                "step": 31 * epoch,
                "seconds": 9.1,
                "train_loss": 1.2 * left + 0.03,
                "train_accuracy": 1 - 0.1 * left,
                "val_loss": 0.4 * left + 0.02,
                "val_accuracy": 1 - 0.11 * left,
                "val_mean_iou": 0.93 - 0.8 * left,
                "lr": 1e-3,
                "images_per_second": 110.0,
            }
        )
    return rows


def _evaluate(folder: Path, pictures: np.ndarray, masks: np.ndarray, classes: list[str]) -> None:
    number = len(classes)
    guesses = np.stack([np.roll(mask, index % 7, axis=1) for index, mask in enumerate(masks)])
    matrix = _confusion(masks, guesses, number)
    colours = [
        [(70 * index) % 256, (130 * index + 60) % 256, (200 * index + 30) % 256] for index in range(number)
    ]
    order = np.argsort([_mean_iou(_confusion(*pair, number)) for pair in zip(masks, guesses, strict=True)])
    worst = []
    for place, index in enumerate(order[:WORST].tolist()):
        stem = folder / "evaluation" / "test" / f"{place:03d}"
        stem.parent.mkdir(parents=True, exist_ok=True)
        wrong = masks[index] != guesses[index]
        shown = np.array(colours, np.uint8)
        Image.fromarray(pictures[index]).save(f"{stem}-image.jpg")
        Image.fromarray(shown[masks[index]]).save(f"{stem}-truth.png")
        Image.fromarray(shown[guesses[index]]).save(f"{stem}-prediction.png")
        Image.fromarray(
            np.where(wrong[..., None], [226, 58, 46], pictures[index][..., None] // 2).astype(np.uint8)
        ).save(f"{stem}-error.png")
        files = {panel: f"evaluation/test/{place:03d}-{panel}" for panel in ("truth", "prediction", "error")}
        worst.append(
            {
                "name": f"scenes/test/{index:04d}",
                "height": 64,
                "width": 64,
                "mean_iou": _mean_iou(_confusion(masks[index], guesses[index], number)),
                "pixel_accuracy": 1 - float(wrong.mean()),
                "wrong": int(wrong.sum()),
                "image": f"evaluation/test/{place:03d}-image.jpg",
                **{panel: f"{file}.png" for panel, file in files.items()},
            }
        )
    _write(
        folder / "evaluation" / "test.json",
        {
            "task": "segmentation",
            "data": "scenes",
            "split": "test",
            "samples": len(masks),
            "classes": classes,
            "pixels": int(matrix.sum()),
            "void": 0,
            "loss": 0.031,
            "mean_iou": _mean_iou(matrix),
            "mean_dice": 0.9,
            "pixel_accuracy": float(np.trace(matrix) / matrix.sum()),
            "mean_boundary_iou": 0.81,
            "per_class": [_score(name, index, matrix) for index, name in enumerate(classes)],
            "confusion": matrix.tolist(),
            "colours": colours,
            "worst": worst,
        },
    )


def _confusion(truth: np.ndarray, guess: np.ndarray, number: int) -> np.ndarray:
    counted = np.bincount(truth.ravel().astype(np.int64) * number + guess.ravel(), minlength=number**2)
    return counted.reshape(number, number)


def _ious(matrix: np.ndarray) -> list[float | None]:
    either = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    return [
        shared / all_ if all_ else None
        for shared, all_ in zip(matrix.diagonal().tolist(), either.tolist(), strict=True)
    ]


def _mean_iou(matrix: np.ndarray) -> float:
    found = [one for one in _ious(matrix) if one is not None]
    return sum(found) / len(found)


def _score(name: str, index: int, matrix: np.ndarray) -> dict[str, Any]:
    iou = _ious(matrix)[index]
    pixels, guesses = int(matrix[index].sum()), int(matrix[:, index].sum())
    dice = None if iou is None else 2 * iou / (1 + iou)
    edge = None if iou is None else 0.8 * iou
    return {
        "name": name,
        "pixels": pixels,
        "guesses": guesses,
        "iou": iou,
        "dice": dice,
        "boundary_iou": edge,
    }
