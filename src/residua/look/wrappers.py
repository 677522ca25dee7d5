"""What may be put on a part from outside, each a part itself: `rewired(model, {"stage2.3.sum": Silent})`.

To leave a branch out at random, chain it: `lambda part: Chain(part, StochasticDepth(0.2))`.
"""

from contextlib import nullcontext
from typing import final

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from residua.look.untouched import buffers_kept
from residua.parts import Part


@final
class Silent(Part):
    """Say nothing: zeros of the shape that the part would give.

    On the branch of a `Sum` the block becomes its shortcut; on a leg of a `Concat` its channels are there,
    empty. The part runs once for each size of input, in evaluation mode, to learn the shape.

    >>> Silent(nn.Linear(3, 2))(torch.ones(4, 3)).abs().sum().item()
    0.0
    """

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part
        self.shapes: dict[torch.Size, tuple[torch.Size, torch.dtype]] = {}

    def forward(self, x: Tensor) -> Tensor:
        if x.shape not in self.shapes:
            self.shapes[x.shape] = self.given(x)
        shape, dtype = self.shapes[x.shape]
        return x.new_zeros(shape, dtype=dtype)

    @torch.no_grad()
    def given(self, x: Tensor) -> tuple[torch.Size, torch.dtype]:
        """Return the shape and the type of what the part gives for `x`."""
        modes = [(module, module.training) for module in self.part.modules()]
        try:
            answer = self.part.eval()(x)
            return answer.shape, answer.dtype
        finally:
            for module, training in modes:
                module.training = training


@final
class Bypassed(Part):
    """Give back what came in, as if the part were not there: how a layer is deleted that has no shortcut.

    >>> Bypassed(nn.Linear(3, 3))(torch.ones(1, 3))
    tensor([[1., 1., 1.]])
    """

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        return x


@final
class NoGradient(Part):
    """Give the same, and let no gradient through: neither to the part nor to what came before it.

    >>> NoGradient(nn.Linear(3, 2))(torch.ones(4, 3)).requires_grad
    False
    """

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        return self.part(x).detach()  # type: ignore[no-any-return]  # torch types a call as Any


@final
class Scaled(Part):
    """Multiply what the part gives by a fixed number.

    >>> Scaled(nn.Identity(), 0.1)(torch.ones(1))
    tensor([0.1000])
    """

    def __init__(self, part: nn.Module, by: float) -> None:
        super().__init__()
        self.part = part
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        return self.part(x) * self.by  # type: ignore[no-any-return]  # torch types a call as Any

    def extra_repr(self) -> str:
        return f"by={self.by:g}"


@final
class Recorded(Part):
    """Give the same, and remember the last of it, without its history, in `output`.

    >>> part = Recorded(nn.Flatten())
    >>> _ = part(torch.ones(2, 3, 4))
    >>> part.output.shape
    torch.Size([2, 12])
    """

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part
        self.output: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.part(x)
        self.output = answer.detach()
        return answer


@final
class Recomputed(Part):
    """Give the same with less memory: what the part remembers for its gradient is computed again when needed.

    Running statistics are written once, as without it: the second pass writes to copies.

    >>> x = torch.ones(2, 3, requires_grad=True)
    >>> Recomputed(nn.Linear(3, 1))(x).sum().backward()
    >>> x.grad is not None
    True
    """

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(  # type: ignore[no-any-return]  # torch types it as Any
            self.part, x, use_reentrant=False, context_fn=lambda: (nullcontext(), buffers_kept(self.part))
        )
