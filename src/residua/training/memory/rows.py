"""A row of parts that remembers less: segments of it are computed again, or undone, in the backward pass."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
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

CONVOLUTION: Final = torch.ops.aten.convolution.default
PRODUCTS: Final = (torch.ops.aten.addmm.default, torch.ops.aten.mm.default)
"""What linear layers call; the last of the tensors is the weight."""


@final
class Thrifty(Part):
    """Give the same as a chain, with less memory.

    Gradients are those of the chain to the last bit where it is computed again, and to rounding where it is undone.
    Running statistics are written once, and what is random takes the same random numbers again.

    Args:
        chain: whose parts run.
        segments: of it, in order; parts in none of them are left to ordinary autograd.
        dear: segments that are computed again keep the outputs of convolutions and linear layers from so many
            multiply-adds a value on; None to keep none.

    >>> chain = Chain(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> Thrifty(chain, [Segment(0, 2, "again")], dear=None)(torch.ones(2, 3)).shape
    torch.Size([2, 1])
    """

    def __init__(self, chain: nn.Module, segments: Sequence[Segment], *, dear: int | None) -> None:
        super().__init__()
        self.chain = chain
        self.segments = tuple(segments)
        self.dear = dear

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
                x = again(inside, x, dear=self.dear)
            place = segment.stop
        return through(parts[place:], x)


def through(parts: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Return what the parts give, one after another."""
    for part in parts:
        x = part(x)
    return x


def again(parts: Sequence[nn.Module], x: Tensor, *, dear: int | None) -> Tensor:
    """Return what the parts give, and have it computed again when the gradient needs what is within.

    Args:
        parts: one after another.
        x: what comes in.
        dear: convolutions and linear layers are not run again, but their outputs kept, from so many multiply-adds a
            value on; None to run all of them again.
    """

    def run(x: Tensor) -> Tensor:
        with own_casts(x.device.type):
            return through(parts, x)

    def contexts() -> tuple[Context, Context]:
        first: Context = nullcontext()
        second: Context = nullcontext()
        if dear is not None:
            first, second = create_selective_checkpoint_contexts(partial(policy, dear))  # type: ignore[no-untyped-call]
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


def policy(
    dear: int, context: object, operation: object, /, *inputs: Any, **options: object
) -> CheckpointPolicy:
    """Say whether selective recomputation keeps what an operation gives: what takes much work for each value."""
    if operation == CONVOLUTION:
        weight, transposed, groups = inputs[1], inputs[6], inputs[8]
        work = weight.numel() // (weight.shape[1] * groups if transposed else weight.shape[0])
    elif operation in PRODUCTS:
        work = inputs[-1].shape[0]
    else:
        return CheckpointPolicy.PREFER_RECOMPUTE
    return CheckpointPolicy.MUST_SAVE if work >= dear else CheckpointPolicy.PREFER_RECOMPUTE
