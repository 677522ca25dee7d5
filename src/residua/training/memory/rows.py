"""A row of parts that remembers less: segments of it are computed again, or undone, in the backward pass."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from residua.look.untouched import buffers_kept
from residua.parts import Chain, Couple, Part
from residua.training.memory.costs import own_casts
from residua.training.memory.cuts import Segment
from residua.training.memory.undone import undone

Context = AbstractContextManager[Any]

KEPT: Final = (torch.ops.aten.convolution.default, torch.ops.aten.addmm.default, torch.ops.aten.mm.default)
"""What convolutions and linear layers call; the results are kept where only the rest is computed again."""


@final
class Thrifty(Part):
    """Give the same as a chain, with less memory.

    Gradients are those of the chain to the last bit where it is computed again, and to rounding where it is undone.
    Running statistics are written once, and what is random takes the same random numbers again.

    Args:
        chain: whose parts run.
        segments: of it, in order; parts in none of them are left to ordinary autograd.
        keep: whether segments that are computed again keep the outputs of their convolutions.

    >>> chain = Chain(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> Thrifty(chain, [Segment(0, 2, "again")], keep=False)(torch.ones(2, 3)).shape
    torch.Size([2, 1])
    """

    def __init__(self, chain: nn.Module, segments: Sequence[Segment], *, keep: bool) -> None:
        super().__init__()
        self.chain = chain
        self.segments = tuple(segments)
        self.keep = keep

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(self.chain, Chain)
        parts = list(self.chain)
        place = 0
        for segment in self.segments:
            x = through(parts[place : segment.start], x)
            inside = parts[segment.start : segment.stop]
            if segment.how == "undone":
                x = undone([part for part in inside if isinstance(part, Couple)], x)
            else:
                x = again(inside, x, keep=self.keep)
            place = segment.stop
        return through(parts[place:], x)


def through(parts: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Return what the parts give, one after another."""
    for part in parts:
        x = part(x)
    return x


def again(parts: Sequence[nn.Module], x: Tensor, *, keep: bool) -> Tensor:
    """Return what the parts give, and have it computed again when the gradient needs what is within.

    Args:
        parts: one after another.
        x: what comes in.
        keep: whether the outputs of convolutions and linear layers are kept, so that these are not run again.
    """

    def run(x: Tensor) -> Tensor:
        with own_casts(x.device.type):
            return through(parts, x)

    def contexts() -> tuple[Context, Context]:
        first: Context = nullcontext()
        second: Context = nullcontext()
        if keep:
            first, second = create_selective_checkpoint_contexts(policy)  # type: ignore[no-untyped-call]
        return first, SecondTime(parts, second)

    return checkpoint(run, x, use_reentrant=False, context_fn=contexts)  # type: ignore[no-any-return]  # untyped


@final
class SecondTime(AbstractContextManager[None]):
    """What holds while parts are computed again: buffers are copies, and then whatever else is given.

    A class, because a gradient asked for twice enters it twice.
    """

    def __init__(self, parts: Sequence[nn.Module], then: Context) -> None:
        self.parts = nn.ModuleList(parts)
        self.then = then
        self.stack = ExitStack()

    def __enter__(self) -> None:
        self.stack.enter_context(buffers_kept(self.parts))
        self.stack.enter_context(self.then)

    def __exit__(self, *error: Any) -> None:
        self.stack.close()


def policy(context: object, operation: object, /, *inputs: object, **options: object) -> CheckpointPolicy:
    """Say what selective recomputation keeps."""
    return CheckpointPolicy.MUST_SAVE if operation in KEPT else CheckpointPolicy.PREFER_RECOMPUTE
