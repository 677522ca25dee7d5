"""The shapes that pass between the folders, as types."""

from jaxtyping import Float, Int, UInt8
from torch import Tensor

Images = Float[Tensor, "batch channels height width"]
Pixels = UInt8[Tensor, "batch channels height width"]
Logits = Float[Tensor, "batch classes"]
Labels = Int[Tensor, "batch"]
