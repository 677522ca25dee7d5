"""What a network says of each pixel of a picture, at the picture's own size, whatever that is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

import torch
import torch.nn.functional as F
from torch import nn

from residua.data.masks import MaskPreprocess, Raster
from residua.nets.spec import stride
from residua.runs import Model
from residua.training.tiles import Block, Place, Shares, tiled

WINDOW: Final = 512
"""Side of what the network sees at once, in pixels at its scale; pictures up to half as long again are seen whole."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segmenter:
    """A network that answers for pictures of any size.

    Attributes:
        network: in evaluation mode, on `device`.
        preprocess: of its training.
        classes: how many it knows.
        stride: how many times smaller than its input its smallest feature map is.
        device: to run on.
        flips: average what is said of a picture and of its mirror image.
        amp: bfloat16 in the network.
        window: side of what it sees at once.
    """

    network: nn.Module
    preprocess: MaskPreprocess
    classes: int
    stride: int
    device: torch.device
    flips: bool = False
    amp: bool = False
    window: int = WINDOW

    def blocks(self, reduced: Raster, shape: tuple[int, int]) -> Iterator[Block]:
        """Give the shares of the classes in each pixel of a picture, block by block.

        Args:
            reduced: the picture at the scale of the network.
            shape: its own height and width.
        """

        def ask(place: Place) -> Shares:
            inside = tuple(
                slice(round(side.start * small / large), max(1, round(side.stop * small / large)))
                for side, small, large in zip(place, reduced.shape[:2], shape, strict=True)
            )
            return self.shares(reduced[inside], tuple(side.stop - side.start for side in place))

        yield from tiled(
            shape,
            ask,
            classes=self.classes,
            window=max(self.stride, round(self.window / self.preprocess.scale)),
            # Windows then begin where a pooling of the whole picture would have begun.
            step=max(1, round(self.stride / self.preprocess.scale)),
        )

    @torch.no_grad()
    def shares(self, piece: Raster, size: tuple[int, ...]) -> Shares:
        """Return the shares of a piece at the scale of the network, enlarged to a size."""
        images = self.preprocess.planes(piece)[None].to(self.device, memory_format=torch.channels_last)
        views = [images, images.flip(3)] if self.flips else [images]
        found: list[Shares] = []
        for number, view in enumerate(views):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp):
                logits = self.network(view)
            logits = logits.float()
            if logits.shape[2:] != size:
                logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
            shares = logits[0].softmax(0)
            found.append(shares.flip(2) if number else shares)
        return found[0] if len(found) == 1 else torch.stack(found).mean(0)


def segmenter_for(model: Model, device: torch.device, *, flips: bool = False) -> Segmenter:
    """Return what answers for a model that was trained on masks."""
    assert isinstance(model.preprocess, MaskPreprocess), "a model for masks has their preprocessing"
    return Segmenter(
        network=model.network.to(device).eval(),
        preprocess=model.preprocess,
        classes=len(model.classes),
        stride=stride(model.network.spec),
        device=device,
        flips=flips,
    )
