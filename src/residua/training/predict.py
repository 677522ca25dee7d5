"""What a trained network says of single pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch

from residua.data import PICTURE_SUFFIXES, UnreadablePicture, read_picture
from residua.errors import BadData
from residua.runs import Model

BATCH = 64


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One picture: its likeliest classes with their probabilities, or why it could not be read.

    Attributes:
        file: as the user named it.
        classes: the likeliest first.
        probabilities: of those classes.
        error: why there is no answer, or None.
    """

    file: str
    classes: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    error: str | None = None


def predict(
    model: Model, files: Sequence[str | Path], *, top: int = 5, device: str = "cpu"
) -> Iterable[Prediction]:
    """Give a prediction for each picture, in order; a folder stands for the pictures in it.

    Args:
        model: from `residua.runs.load_model`.
        files: pictures or folders.
        top: how many classes to name.
        device: to run on.

    Raises:
        BadData: a path that does not exist, or a folder without pictures.
    """
    paths = [path for file in files for path in listed(Path(file))]
    network = model.network.to(device).eval()
    for start in range(0, len(paths), BATCH):
        chosen = paths[start : start + BATCH]
        read: dict[Path, torch.Tensor] = {}
        errors: dict[Path, str] = {}
        for path in chosen:
            try:
                picture = read_picture(path, side=model.preprocess.read_side, name=str(path))
                read[path] = model.preprocess.pixels(picture)
            except UnreadablePicture as refusal:
                errors[path] = str(refusal)
        shares: dict[Path, torch.Tensor] = {}
        if read:
            images = model.preprocess.normalise(torch.stack(list(read.values())))
            with torch.no_grad():
                rows = network(images.to(device)).float().softmax(1).cpu()
            shares = dict(zip(read, rows, strict=True))
        for path in chosen:
            if path in errors:
                yield Prediction(file=str(path), error=errors[path])
                continue
            ranked = shares[path].topk(min(top, len(model.classes)))
            names = tuple(model.classes[index] for index in ranked.indices.tolist())
            yield Prediction(file=str(path), classes=names, probabilities=tuple(ranked.values.tolist()))


def listed(path: Path) -> list[Path]:
    """Return the picture itself, or the pictures in a folder and below it, sorted."""
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file())
        if not found:
            raise BadData(
                f"{path} holds no pictures; give files, or a folder of {', '.join(sorted(PICTURE_SUFFIXES))}"
            )
        return found
    if not path.exists():
        raise BadData(f"{path} does not exist; give the path of a picture or of a folder of pictures")
    return [path]
