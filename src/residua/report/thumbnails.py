"""Pictures of a run folder, taken into the page."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import final

from PIL import Image

_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


@final
@dataclass(frozen=True)
class Thumbnail:
    """A picture as an address that holds its own bytes, with its size in pixels."""

    address: str
    width: int
    height: int

    @property
    def coarse(self) -> bool:
        """Whether its pixels are so few that they are shown as squares instead of smoothed."""
        return max(self.width, self.height) <= 48


def embed(folder: Path, name: str | None) -> Thumbnail | None:
    """Return the picture `name` of `folder`, or None if it is missing, no picture, or outside the folder."""
    if not name:
        return None
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return None
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=list(_TYPES)) as picture:
            kind, (width, height) = _TYPES[picture.format or ""], picture.size
    except (OSError, KeyError, Image.DecompressionBombError):
        return None
    return Thumbnail(f"data:{kind};base64,{base64.b64encode(content).decode()}", width, height)
