"""From a picture of any size and depth to what a segmentation network takes: one object, saved with the model."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from residua.data.masks.rasters import Raster, full_scale
from residua.data.masks.resize import reduced, reduced_size, with_channels_of
from residua.data.masks.source import MaskSource
from residua.data.masks.split import MaskSplit
from residua.data.refusals import UnreadablePicture
from residua.data.source import evenly
from residua.errors import BadInput

LARGEST_CROP = 384
"""Pictures with sides up to this are trained on whole, if all are of one size."""
USUAL_CROP = 256
_MEASURED = 200
"""Pictures at most of which mean and deviation are taken, and the pixels at which even fewer are enough."""
_PIXELS = 100_000_000
_FEWEST = 8
_SIDE = 256
"""Of a picture with longer sides, every so many rows and columns are enough."""

Planes = Float32[Tensor, "channels height width"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPreprocess:
    """How a picture becomes the input of a segmentation network; msgspec writes it as JSON.

    Attributes:
        crop: height and width of what is cut out of a picture in training, after it is reduced.
        scale: what height and width of a picture are multiplied by before the network sees it.
        channels: of the pictures.
        mean: subtracted from each channel, on a scale where white is 1.
        std: what each channel is then divided by.
    """

    crop: tuple[int, int]
    scale: float
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def for_source(
        cls, source: MaskSource, *, crop: int | tuple[int, int] | None = None, scale: float = 1.0
    ) -> "MaskPreprocess":
        """Return the preprocessing that suits `source`: whole pictures when small and of one size, else crops.

        Mean and standard deviation are measured on up to 200 training pictures.

        >>> from residua.data.masks import open_masks
        >>> MaskPreprocess.for_source(open_masks("scenes")).crop
        (64, 64)

        Raises:
            BadInput: the crop or the scale makes no sense.
        """
        if not 0 < scale <= 1:
            raise BadInput(f"a scale of {scale:g} was asked for; it must be above 0 and at most 1")
        typical = reduced_size(*source.typical_size, scale)
        sides = crop if isinstance(crop, tuple) else (crop, crop) if crop else usual_crop(source, typical)
        if min(sides) < 1:
            raise BadInput(
                f"a crop of {sides[0]} × {sides[1]} pixels was asked for; it must be at least 1 × 1"
            )
        mean, std = _measured(source.splits["train"], source.channels)
        return cls(crop=sides, scale=scale, channels=source.channels, mean=mean, std=std)

    def reduced(self, picture: Raster) -> Raster:
        """Return the picture with the channels of the network and at its scale, its numbers as they are stored.

        Raises:
            UnreadablePicture: it has other channels that nothing translates.
        """
        return reduced(with_channels_of(picture, self.channels, "the picture"), self.scale)

    def planes(self, picture: Raster) -> Planes:
        """Return a picture that is reduced already, or a part of one, as the network takes it: normalised."""
        values = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)
        return self.normalise(values, full_scale(picture))

    def normalise(self, values: Tensor, full: float) -> Tensor:
        """Return channels × height × width with the mean subtracted and divided by std; `full` is their white."""
        mean, std = (torch.tensor(numbers, dtype=torch.float64) for numbers in (self.mean, self.std))
        scale, shift = (1 / (full * std)).float(), (-mean / std).float()
        return values * scale[:, None, None] + shift[:, None, None]


def usual_crop(source: MaskSource, typical: tuple[int, int]) -> tuple[int, int]:
    """Return what is cut out for training: the whole of small pictures of one size, else a square of 256 pixels."""
    height, width = typical
    if source.splits["train"].one_size and max(typical) <= LARGEST_CROP:
        return typical
    return min(height, USUAL_CROP), min(width, USUAL_CROP)


def _measured(train: MaskSplit, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel where white is 1; each picture counts the same."""

    def moments(index: int) -> np.ndarray | None:
        try:
            picture = train.read(index).picture
        except UnreadablePicture:
            return None  # the reading check names it; here it only does not count
        step = -(-max(picture.shape[:2]) // _SIDE)
        rows = picture[::step, ::step].reshape(-1, channels).astype(np.float64) / full_scale(picture)
        return np.stack([rows.mean(axis=0), np.square(rows).mean(axis=0)])

    enough = max(_FEWEST, _PIXELS * len(train) // max(1, int(train.shapes.prod(axis=1).sum())))
    with ThreadPoolExecutor() as pool:
        chosen = evenly(len(train), min(_MEASURED, enough))
        found = [pair for pair in pool.map(moments, chosen) if pair is not None]
    if not found:
        return (0.0,) * channels, (1.0,) * channels
    mean, squares = np.stack(found).mean(axis=0)
    # A flat channel is not divided by nothing.
    deviation = np.maximum(np.sqrt(np.maximum(squares - mean**2, 0)), 1e-4)
    return _rounded(mean), _rounded(deviation)


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)
