"""What may close a branch: a learned scale, or leaving the branch out at random."""

from typing import final

import torch
from torch import Tensor, nn

from residua.errors import BadSpec
from residua.parts.part import Part


@final
class Scale(Part):
    """Multiply by one learned number; started at 0 it is SkipInit (De & Smith 2020, arXiv:2002.10444).

    >>> import torch
    >>> Scale(0.0)(torch.ones(1, 2, 3, 3)).sum().item()
    0.0
    """

    def __init__(self, start: float) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(start))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.by


@final
class StochasticDepth(Part):
    """In training, silence the whole branch for a share of the samples (Huang et al. 2016, arXiv:1603.09382).

    What is kept is divided by the share kept, so nothing changes when evaluating.

    Raises:
        BadSpec: the rate is not in [0, 1).

    >>> import torch
    >>> StochasticDepth(0.5).eval()(torch.ones(1, 1)).item()
    1.0
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise BadSpec(
                f"stochastic depth of {rate}; the rate is a share of the samples, at least 0 and below 1"
            )
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        shape = (x.shape[0],) + (1,) * (x.ndim - 1)
        kept = torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(1 - self.rate)
        return x * kept / (1 - self.rate)

    def extra_repr(self) -> str:
        return f"{self.rate:g}"
