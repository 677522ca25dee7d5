"""What training does to a picture and its mask at once: cut, flipped, turned, zoomed, bent, recoloured.

Every choice is a number drawn from (seed, epoch, position of the picture), so there is no state: any epoch can be
begun anywhere, by any process, and gives the same pictures.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, final

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from residua.data.masks.encoding import ClassMap
from residua.data.masks.preprocess import MaskPreprocess
from residua.data.masks.rasters import Raster, full_scale
from residua.data.masks.source import MaskSource
from residua.data.masks.split import Masked
from residua.data.masks.warp import Points, bent, nearest, sampled, seen

_CHOICES: Final = 16
"""Numbers drawn for each picture in each epoch, beside those that bend it; the last are kept for what may come."""
_RARE, _CLASS, _PIXEL, _DOWN, _RIGHT, _MIRROR, _UPEND, _TURN, _ZOOM, _CONTRAST, _BRIGHTNESS, _TINT = range(12)
_KNOTS: Final = 5
"""Rows and columns of moves through which a picture is bent."""

Draws = Float64[np.ndarray, " draws"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MaskAugment:
    """How training pictures and their masks are varied together; msgspec writes it as JSON.

    Attributes:
        mirror: flip half of the pictures left to right, the other half in the next epoch.
        upend: flip half of them upside down too: for pictures that have no up, as from a microscope or from above.
        turn: degrees to either side.
        zoom: factor by which things are made larger or smaller at most.
        bend: how far a pixel is moved at most, as a share of the longer side of the crop (elastic).
        recolour: how far contrast, brightness and the balance of the colours go, in standard deviations.
        rare: share of the crops whose middle is near a pixel of a class that is drawn first, each class of the
            picture alike; so a class of few pixels is not missed.
    """

    mirror: bool = False
    upend: bool = False
    turn: float = 0.0
    zoom: float = 1.0
    bend: float = 0.0
    recolour: float = 0.0
    rare: float = 0.5

    @classmethod
    def for_source(
        cls, source: MaskSource, *, strength: Literal["none", "light", "strong"] = "light"
    ) -> "MaskAugment":
        """Return what suits the pictures.

        >>> from residua.data.masks import open_masks
        >>> MaskAugment.for_source(open_masks("scenes")).mirror
        False
        """
        match strength:
            case "none":
                return cls()
            case "light":
                return cls(mirror=source.mirrored, turn=10, zoom=1.2, bend=0.03, recolour=0.25)
            case "strong":
                return cls(mirror=source.mirrored, turn=20, zoom=1.6, bend=0.05, recolour=0.5)

    def draw(self, count: int, seed: int, epoch: int) -> Float64[np.ndarray, "pictures draws"]:
        """Return the numbers in [0, 1) that vary `count` pictures in an epoch, a row for each."""
        draws = np.random.default_rng((seed, epoch, 1)).random((count, _CHOICES))
        # In every other epoch the other side, as for whole pictures (Jordan 2024, arXiv:2404.00498).
        sides = np.random.default_rng((seed, 0, 3)).random((count, 2))
        draws[:, _MIRROR] = sides[:, 0] if epoch % 2 else 1 - sides[:, 0]
        draws[:, _UPEND] = sides[:, 1] if epoch % 4 < 2 else 1 - sides[:, 1]
        if self.bend:
            knots = np.random.default_rng((seed, epoch, 4)).random((count, 2 * _KNOTS**2))
            draws = np.concatenate([draws, knots], axis=1)
        return draws

    def apply(self, pair: Masked, draws: Draws, preprocess: MaskPreprocess) -> tuple[Tensor, ClassMap]:
        """Return the varied crop, normalised (channels × height × width), and its mask, `VOID` beyond the picture.

        Args:
            pair: a picture reduced to the scale of the network, and its mask at its original size.
            draws: its row of what `draw` returned.
            preprocess: of the network.
        """
        picture, mask = pair
        points = self.points(picture, mask, draws, preprocess.crop)
        planes = preprocess.normalise(sampled(picture, points), full_scale(picture))
        across, along = mask.shape[1] / picture.shape[1], mask.shape[0] / picture.shape[0]
        return self._recoloured(planes, draws), nearest(mask, points.scaled(across, along))

    def points(self, picture: Raster, mask: ClassMap, draws: Draws, crop: tuple[int, int]) -> Points:
        """Return where in the picture each pixel of the crop is taken from."""
        zoom = self.zoom ** _signed(draws[_ZOOM])
        angle = math.radians(self.turn * _signed(draws[_TURN]))
        cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
        across = -1 if self.mirror and draws[_MIRROR] < 0.5 else 1
        down = -1 if self.upend and draws[_UPEND] < 0.5 else 1
        matrix = np.array([[cos * across, -sin * down], [sin * across, cos * down]])
        points = seen(crop, self.middle(picture, mask, draws, (crop[0] / zoom, crop[1] / zoom)), matrix)
        if not self.bend:
            return points
        knots = (2 * draws[_CHOICES:] - 1).reshape(2, _KNOTS, _KNOTS) * self.bend * max(crop) / zoom
        return bent(points, knots)

    def middle(
        self, picture: Raster, mask: ClassMap, draws: Draws, view: tuple[float, float]
    ) -> tuple[float, float]:
        """Return the point (x, y) of the picture that the crop has in its middle, so that it stays inside if it can.

        Args:
            picture: reduced.
            mask: of it, at its original size.
            draws: of it.
            view: height and width of what the crop shows, in pixels of the picture.
        """
        height, width = picture.shape[:2]
        chances = (float(draws[_DOWN]), float(draws[_RIGHT]))
        wanted: tuple[float, float] | None = None
        if draws[_RARE] < self.rare and (view[0] < height or view[1] < width):
            wanted = place_of_class(mask, float(draws[_CLASS]), float(draws[_PIXEL]))
        middles = []
        for axis, (length, seen_length) in enumerate(((height, view[0]), (width, view[1]))):
            if seen_length >= length:
                middles.append(length / 2)
                continue
            start = chances[axis] * (length - seen_length)
            if wanted is not None:  # the pixel is somewhere in the crop, not always in its middle
                start = wanted[axis] * length - (0.25 + 0.5 * chances[axis]) * seen_length
            # A whole number of pixels, so that what is neither turned nor zoomed stays as it is, bit for bit.
            start = min(max(0.0, start), length - seen_length)
            middles.append((round(start) if seen_length == int(seen_length) else start) + seen_length / 2)
        return middles[1], middles[0]

    def _recoloured(self, planes: Tensor, draws: Draws) -> Tensor:
        if not self.recolour:
            return planes
        contrast = (1 + self.recolour) ** _signed(draws[_CONTRAST])
        brightness = torch.full((len(planes),), self.recolour * _signed(draws[_BRIGHTNESS]))
        if len(planes) == 3:
            # Two turns of one number give the three channels moves that add up to nothing.
            turns = 2 * math.pi * (float(draws[_TINT]) + np.arange(3) / 3)
            brightness = brightness + torch.from_numpy(0.5 * self.recolour * np.cos(turns))
        varied: Tensor = planes * contrast + brightness.float()[:, None, None]
        return varied


def place_of_class(mask: ClassMap, which: float, pixel: float) -> tuple[float, float] | None:
    """Return a pixel of one class as shares of height and width; None where every pixel is void.

    Args:
        mask: of a picture.
        which: from 0 to 1, the class: each in the mask is as likely.
        pixel: from 0 to 1, its pixel.
    """
    step = 1 + max(mask.shape) // 1024  # of a large mask every few rows and columns are enough
    looked = mask[::step, ::step]
    counts = np.bincount(looked.ravel(), minlength=256)[:255]
    present = np.flatnonzero(counts)
    if not len(present):
        return None
    label = present[int(which * len(present))]
    place = int(np.flatnonzero(looked == label)[int(pixel * counts[label])])
    row, column = divmod(place, looked.shape[1])
    return (row + 0.5) * step / mask.shape[0], (column + 0.5) * step / mask.shape[1]


def _signed(number: float) -> float:
    return 2 * float(number) - 1
