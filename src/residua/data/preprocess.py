"""From a picture of any size to what a network takes: one object, saved with the model and used wherever it is."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from residua.data.pictures import Picture
from residua.data.reducing import to_image, to_picture
from residua.data.refusals import UnreadablePicture
from residua.data.source import Source, evenly
from residua.data.split import Split
from residua.errors import BadInput
from residua.types import Images, Pixels

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_PIECE = 2**17
"""Numbers that are normalised at once: half a megabyte."""
_SMALL = 64
"""Up to this many pixels a picture is seen whole, at its own size."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """How a picture becomes the input of a network; msgspec writes it as JSON.

    Attributes:
        size: the side of the square that the network sees, in pixels.
        resize: what the shorter side is resized to before the central square is cut out.
        channels: 1 or 3.
        mean: subtracted from each channel, on a scale of 0 to 1.
        std: what each channel is then divided by.
        interpolation: the filter of the resizing; both widen as they shrink, so nothing is skipped.
        read_side: while a file is decoded, a shorter side above this is reduced to it.
    """

    size: int
    resize: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    read_side: int

    @classmethod
    def for_source(cls, source: Source, image_size: int | None = None) -> "Preprocess":
        """Return the preprocessing that suits `source`: its own size when small, 128 or 224 when large.

        Mean and standard deviation are measured on up to 2,000 training pictures (500 when large).

        >>> from residua.data import open_source
        >>> Preprocess.for_source(open_source("digits")).size
        8
        """
        shorter = min(source.typical_size)
        size = image_size or (shorter if shorter <= _SMALL else 128 if shorter < 160 else 224)
        if size < 1:
            raise BadInput(f"an image size of {size} pixels was asked for; it must be at least 1")
        plain = cls(
            size=size,
            resize=size if size <= _SMALL else round(size / 0.875),
            channels=source.channels,
            mean=(0.0,) * source.channels,
            std=(1.0,) * source.channels,
            read_side=2 * size,
        )
        mean, std = _measured(source.splits["train"], plain, 2_000 if size <= _SMALL else 500)
        return cls(
            size=size,
            resize=plain.resize,
            channels=plain.channels,
            mean=mean,
            std=std,
            read_side=plain.read_side,
        )

    def fit(self, picture: Picture) -> Picture:
        """Return the central square of `picture`: uint8, size × size × channels."""
        picture = with_channels(picture, self.channels)
        height, width, _ = picture.shape
        if height == width == self.size == self.resize:
            return picture
        side = min(height, width) * self.size / self.resize
        top, left = (height - side) / 2, (width - side) / 2
        return self.resized(picture, (left, top, left + side, top + side))

    def resized(self, picture: Picture, box: tuple[float, float, float, float]) -> Picture:
        """Return the part of `picture` inside `box` (left, top, right, bottom), as a square of `size` pixels."""
        image = to_image(picture).resize((self.size, self.size), _FILTERS[self.interpolation], box=box)
        return to_picture(image)

    def pixels(self, picture: Picture) -> Tensor:
        """Return the central square of `picture` as a uint8 tensor, channels × size × size."""
        return torch.from_numpy(np.array(self.fit(picture))).permute(2, 0, 1)

    def normalise(self, images: Pixels | Images) -> Images:
        """Return `images`, values 0 to 255, as float32 with the mean subtracted and divided by std.

        Float images are changed in place; the memory layout is kept.
        """
        scale, shift = self._scale_and_shift(images.device)
        if images.is_contiguous(memory_format=torch.channels_last) and images.shape[1] > 1:
            # As rows of width × channels the arithmetic is one long vector; per pixel it would be three numbers.
            rows = images.permute(0, 2, 3, 1).flatten(2)
            width = images.shape[3]
            scale, shift = scale.repeat(width), shift.repeat(width)
            in_place = rows.dtype == torch.float32
            made = rows if in_place else torch.empty_like(rows, dtype=torch.float32)
            # On a CPU in pieces that its caches hold, each gone over three times there.
            piece = max(1, _PIECE // rows[0].numel()) if rows.is_cpu and len(rows) else max(1, len(rows))
            for start in range(0, len(rows), piece):
                given, part = rows[start : start + piece], made[start : start + piece]
                (part if in_place else part.copy_(given)).mul_(scale).add_(shift)
            return made.view(*made.shape[:2], width, -1).permute(0, 3, 1, 2)
        return images.to(torch.float32).mul_(scale[:, None, None]).add_(shift[:, None, None])

    def _scale_and_shift(self, device: torch.device) -> tuple[Tensor, Tensor]:
        mean = torch.tensor(self.mean, dtype=torch.float64)
        std = torch.tensor(self.std, dtype=torch.float64)
        return (1 / (255 * std)).to(device, torch.float32), (-mean / std).to(device, torch.float32)


def with_channels(picture: Picture, channels: int) -> Picture:
    """Return `picture` with 1 channel (its luma) or 3 (its grey repeated); it may have 1, 3 or, with alpha, 4.

    Raises:
        BadInput: it is not uint8, height × width × 1, 3 or 4.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (1, 3, 4):
        raise BadInput(
            f"a picture must be uint8, height × width × 1, 3 or 4; this one is {picture.dtype}, {picture.shape}"
        )
    if picture.shape[2] == 4:
        image = Image.fromarray(picture)
        white = Image.new("RGBA", image.size, "white")
        picture = np.asarray(Image.alpha_composite(white, image).convert("RGB"))
    if picture.shape[2] == channels:
        return picture
    if channels == 3:
        return np.repeat(picture, 3, axis=2)
    return to_picture(Image.fromarray(picture).convert("L"))


def _measured(train: Split, plain: Preprocess, most: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel, on a scale of 0 to 1; exact sums, so order is nothing."""

    def sums(index: int) -> np.ndarray | None:
        try:
            pixels = (
                plain.fit(train.read(index, side=plain.read_side))
                .reshape(-1, plain.channels)
                .astype(np.int64)
            )
        except UnreadablePicture:
            return None  # the reading check names it; here it only does not count
        return np.stack([pixels.sum(0), (pixels * pixels).sum(0)])

    with ThreadPoolExecutor() as pool:
        found = [pair for pair in pool.map(sums, evenly(len(train), most)) if pair is not None]
    if not found:
        return plain.mean, plain.std
    summed = np.stack(found).sum(axis=0)
    total, squares = summed[0], summed[1]
    count = len(found) * plain.size**2
    mean = total / count
    deviation = np.sqrt(
        np.maximum(squares / count - mean**2, 1.0)
    )  # a flat channel is not divided by nothing
    return _rounded(mean / 255), _rounded(deviation / 255)


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)
