"""The gradient of a network, one route at a time.

At each fork the gradient comes back along one leg or the other; through n forks in a row there are 2^n routes,
and their sum is the whole gradient (Veit et al. 2016, arXiv:1605.06431).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product

import torch
from torch import Tensor, nn

from residua.parts import joins


def whole(model: nn.Module, x: Tensor) -> Tensor:
    """Return the gradient of the summed output with respect to the input."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model(x).sum(), x)
    return gradient


def routes(model: nn.Module, x: Tensor) -> Iterator[Tensor]:
    """Walk the same gradient along each route; the forward pass is the same in all of them."""
    legs = [(join.branch, join.shortcut) for _, join in joins(model)]
    for cut in product(*legs):
        with silenced(cut):
            yield whole(model, x)


@contextmanager
def silenced(cut: tuple[nn.Module, ...]) -> Iterator[None]:
    """Let no gradient back through these modules."""
    with ExitStack() as hooks:
        for leg in cut:
            hooks.enter_context(leg.register_forward_hook(lambda module, inputs, output: output.detach()))
        yield
