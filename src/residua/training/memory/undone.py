"""Couples one after another that keep only what leaves the last: the rest is undone in the backward pass.

Gomez et al. 2017, "The reversible residual network: backpropagation without storing activations"
(arXiv:1707.04585). The slow oracle is the same couples in a `Chain`, by ordinary autograd.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from residua.look.untouched import buffers_kept
from residua.parts import Couple, StochasticDepth

CHANCE: Final = (StochasticDepth, nn.modules.dropout._DropoutNd)


def undone(couples: Sequence[Couple], x: Tensor) -> Tensor:
    """Return what the couples give one after another; of all within, only that is kept.

    What is carried is in float32 whatever the branches compute in: every undoing rounds once, and in bfloat16 what
    a hundred couples carry would come back wrong.

    Args:
        couples: one after another.
        x: what comes in.

    Raises:
        RuntimeError: a gradient of the gradient is asked for; from that call.

    >>> couple = Couple(nn.Conv2d(2, 2, 1))
    >>> undone([couple], torch.ones(1, 4, 3, 3)).shape
    torch.Size([1, 4, 3, 3])
    """
    carried = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    learned = [parameter for couple in couples for parameter in couple.parameters()]
    answer: Tensor = Undone.apply(carried, tuple(couples), *learned)  # type: ignore[no-untyped-call]
    return answer


@final
class Undone(torch.autograd.Function):
    """Forward: (a, b) becomes (b, a + branch(b)), again and again. Backward: each is taken back."""

    @staticmethod
    def forward(context: Any, x: Tensor, couples: tuple[Couple, ...], *learned: Tensor) -> Tensor:
        context.couples = couples
        context.autocast = torch.is_autocast_enabled(x.device.type), torch.get_autocast_dtype(x.device.type)
        context.states = []
        first, second = x.chunk(2, dim=1)
        for couple in couples:
            context.states.append(random_state(couple, x.device))
            first, second = second, first + couple.branch(second)
        answer = torch.cat((first, second), dim=1)
        context.save_for_backward(answer)
        return answer

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (answer,) = context.saved_tensors
        first, second = answer.chunk(2, dim=1)
        of_first, of_second = gradient.chunk(2, dim=1)
        enabled, dtype = context.autocast
        found: list[Tensor | None] = []
        for couple, state in zip(reversed(context.couples), reversed(context.states), strict=True):
            read = first.detach().requires_grad_()
            weights = list(couple.parameters())
            with (
                buffers_kept(couple),
                same_chance(state, answer.device),
                torch.enable_grad(),
                torch.autocast(answer.device.type, dtype, enabled=enabled),
            ):
                said = couple.branch(read)
            wanted = [tensor for tensor in (read, *weights) if tensor.requires_grad]
            gradients = iter(torch.autograd.grad(said, wanted, of_second.to(said.dtype), allow_unused=True))
            of_read, *of_weights = [
                next(gradients) if tensor.requires_grad else None for tensor in (read, *weights)
            ]
            found[:0] = of_weights
            first, second = second - said.detach(), first
            through_branch = 0 if of_read is None else of_read
            of_first, of_second = of_second, of_first + through_branch
        return torch.cat((of_first, of_second), dim=1), None, *found


def random_state(couple: Couple, device: torch.device) -> Tensor | None:
    """Return the random state of the device if the couple takes random numbers."""
    if not any(isinstance(part, CHANCE) and part.training for part in couple.modules()):
        return None
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


@contextmanager
def same_chance(state: Tensor | None, device: torch.device) -> Iterator[None]:
    """Let a block of code take the random numbers that follow this state, and leave the state as it was."""
    if state is None:
        yield
        return
    cards = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards):
        if cards:
            torch.cuda.set_rng_state(state, device)
        else:
            torch.set_rng_state(state)
        yield
