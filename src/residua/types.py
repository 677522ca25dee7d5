"""The shapes that pass between the folders, as types."""

from typing import Final

from jaxtyping import Float, Int, Integer, UInt8
from torch import Tensor

Images = Float[Tensor, "batch channels height width"]
Pixels = UInt8[Tensor, "batch channels height width"]
Logits = Float[Tensor, "batch classes"]
Labels = Int[Tensor, "batch"]
PixelLogits = Float[Tensor, "batch classes height width"]
Masks = Integer[Tensor, "batch height width"]
"""The class of each pixel, or `VOID`."""

VOID: Final = 255
"""What a mask says of a pixel that belongs to no class; it takes no part in losses and scores."""
