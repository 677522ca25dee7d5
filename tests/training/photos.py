"""A folder of little photos, each class of its own colour."""

from pathlib import Path

from PIL import Image

COLOURS = {"cat": (200, 40, 40), "dog": (40, 200, 40)}


def make_photos(folder: Path, *, each: int = 12, side: int = 16) -> Path:
    """Write so many pictures of each class, in class folders."""
    for label, (red, green, blue) in COLOURS.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in range(each):
            Image.new("RGB", (side, side), (red, green, blue + index)).save(
                folder / label / f"{index:02d}.png"
            )
    return folder
