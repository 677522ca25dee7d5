"""What a finished segmenter gets right and wrong, and what the masks it was trained on mean."""

from dataclasses import dataclass
from typing import final

from residua.report.confusion import matrix, worst_pairs
from residua.report.folder import RunFolder
from residua.report.headline import split_name
from residua.report.mask_folder import MaskClass, MaskEvaluation, Wrong
from residua.report.numbers import compact, count, percent
from residua.report.page import Section, fill
from residua.report.thumbnails import Thumbnail, embed

MOST_WORST = 12
OPEN = 4
"""So many of them are seen at once, the others when they are asked for."""
PANELS = ("image", "truth", "prediction", "error")


@final
@dataclass(frozen=True)
class Swatch:
    """A class with the colour that it is drawn in."""

    name: str
    colour: str


@final
@dataclass(frozen=True)
class Row:
    """One class of the masks: how it stands in the files, and its share of the pixels of each split."""

    name: str
    colour: str | None
    stored: str
    shares: list[float | None]
    pictures: int | None


def worst(run: RunFolder) -> Section | None:
    """Return the pictures that were segmented worst: picture, truth, prediction and what differs."""
    found = run.masks
    if found is None or not found.worst:
        return None
    shown = sorted(found.worst, key=_overlap)[:MOST_WORST]
    values = {
        "pictures": [(one, _panels(run, one), _story(one)) for one in shown],
        "swatches": swatches(found),
        "open": OPEN,
    }
    which = f"The {len(shown)} of {count(found.samples)} {split_name(found.split)} pictures"
    if len(shown) == found.samples:
        which = f"All {count(found.samples)} {split_name(found.split)} pictures"
    lead = f"{which} with the lowest mean IoU, the worst first. What is wrong is red."
    return Section("worst", "Worst pictures", fill("worst.html", values), lead)


def classes(run: RunFolder) -> Section | None:
    """Return IoU, Dice and boundary IoU of each class, the weakest first."""
    found = run.masks
    if found is None or not found.per_class:
        return None
    total = sum(one.pixels for one in found.per_class)
    colours = _colours(found)
    rows = [
        (one, colours.get(one.name), one.pixels / total if total else 0.0)
        for one in sorted(found.per_class, key=lambda one: 2.0 if one.iou is None else one.iou)
    ]
    lead = (
        "IoU: of the pixels that are of the class or were said to be, the share that both have. Dice weighs the shared "
        "ones twice. Boundary IoU looks only near the edges."
    )
    scored = [one for one in found.per_class if one.iou is not None]
    if scored:
        weakest = min(scored, key=lambda one: one.iou or 0.0)
        lead = f"Weakest is {weakest.name}, with an IoU of {percent(weakest.iou or 0.0)}. {lead}"
    return Section("classes", "Classes", fill("mask_classes.html", {"rows": rows}), lead)


def confusion(run: RunFolder) -> Section | None:
    """Return which class the pixels of each class were given."""
    found = run.masks
    if found is None or not found.confusion:
        return None
    pairs = worst_pairs(found) if len(found.classes) > 2 else []
    values = {"matrix": matrix(found), "pairs": pairs, "wide": len(found.classes) > 8}
    lead = (
        f"Of the pixels of each class (a row), the percentage that each class was said of: "
        f"{compact(sum(map(sum, found.confusion)))} pixels in all, void ones left out."
    )
    return Section("confusion", "Confusion", fill("confusion.html", values), lead)


def meaning(run: RunFolder) -> Section | None:
    """Return what the values of the masks stand for, and how much there is of each class in each split."""
    encoding = run.data.encoding
    if encoding is None or not encoding.classes:
        return None
    splits = [(split_name(name), split) for name, split in run.data.splits.items()]
    colours = _colours(run.masks) if run.masks else {}
    totals = [sum(split.pixels.values()) + split.void for _, split in splits]
    rows = [
        Row(
            name=name,
            colour=colours.get(name),
            stored=encoding.stored(index),
            shares=[
                split.pixels.get(name, 0) / total if total else None
                for (_, split), total in zip(splits, totals, strict=True)
            ],
            pictures=sum(split.pictures.get(name, 0) for _, split in splits) or None,
        )
        for index, name in enumerate(encoding.classes)
    ]
    if encoding.void:
        shares = [
            split.void / total if total else None for (_, split), total in zip(splits, totals, strict=True)
        ]
        rows.append(Row(name="", colour=None, stored=encoding.stored_void(), shares=shares, pictures=None))
    values = {
        "splits": splits,
        "rows": rows,
        "counted": any(row.pictures for row in rows),
        "notes": run.data.notes,
        "stored": {"colours": "Colour", "files": "File"}.get(encoding.kind, "Value"),
    }
    lead = "What stands for each class in the mask files, and its share of the pixels."
    if encoding.void:
        lead += " Void pixels took no part in training and in no score."
    return Section("data", "Data", fill("mask_data.html", values), lead)


def swatches(found: MaskEvaluation) -> list[Swatch]:
    """Return the classes with their colours, as the key to the drawn masks."""
    colours = _colours(found)
    return [Swatch(name, colours[name]) for name in found.classes if name in colours]


def _colours(found: MaskEvaluation) -> dict[str, str]:
    pairs = zip(found.classes, found.colours, strict=False)
    return {name: f"#{red:02x}{green:02x}{blue:02x}" for name, (red, green, blue) in pairs}


def _panels(run: RunFolder, one: Wrong) -> list[tuple[str, Thumbnail | None]]:
    names = (one.image, one.truth, one.prediction, one.error)
    return [(panel, embed(run.path, name)) for panel, name in zip(PANELS, names, strict=True)]


def _story(one: Wrong) -> str:
    said = [] if one.mean_iou is None else [f"mean IoU {percent(one.mean_iou)}"]
    if one.pixel_accuracy is not None:
        said.append(f"{percent(1 - one.pixel_accuracy)} of its pixels wrong")
    if one.height and one.width:
        said.append(f"{one.height} × {one.width}")
    return ", ".join(said)


def _overlap(one: Wrong | MaskClass) -> float:
    known = one.mean_iou if isinstance(one, Wrong) else one.iou
    return 2.0 if known is None else known
