"""Whether the gradient at one input says anything about the gradient at the next (Balduzzi et al. 2017).

"The shattered gradients problem", arXiv:1702.08591.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from residua.look.untouched import untouched

Line = Float[Tensor, "points"]
Curves = Float[Tensor, "*curves points"]


def line_gradients(model: nn.Module, positions: Line, *, start: Tensor, direction: Tensor) -> Line:
    """Return the derivative of the summed outputs along a straight line of inputs, at each position.

    A batch norm in training mode uses the statistics of the line, held fixed: differentiating through them
    would mix the samples, and change the numbers.

    Args:
        model: any, in the mode that it is in; it is left as it was.
        positions: where on the line.
        start: the input at position 0, without a batch dimension.
        direction: what one unit of position adds to it, of the same shape.

    >>> points = torch.tensor([-1.0, 1.0])
    >>> line_gradients(nn.ReLU(), points, start=torch.zeros(1), direction=torch.ones(1))
    tensor([0., 1.])
    """
    shape = (-1,) + (1,) * start.ndim
    with untouched(model), torch.enable_grad():
        place = positions.detach().clone().requires_grad_()
        line = start + place.view(shape) * direction
        with statistics_fixed(model, line.detach()):
            (gradient,) = torch.autograd.grad(model(line).sum(), place)
    return gradient


def gradient_correlation(model: nn.Module, inputs: Float[Tensor, "samples ..."]) -> float:
    """Return the cosine between the gradients of the summed outputs at two inputs, the mean over all pairs.

    A batch norm in training mode uses the statistics of the inputs, held fixed.

    Args:
        model: any, in the mode that it is in; it is left as it was.
        inputs: two samples at least.

    >>> round(gradient_correlation(nn.Linear(3, 1), torch.ones(4, 3)), 3)
    1.0
    """
    with untouched(model), torch.enable_grad():
        leaf = inputs.detach().clone().requires_grad_()
        with statistics_fixed(model, leaf.detach()):
            (gradient,) = torch.autograd.grad(model(leaf).sum(), leaf)
    samples = len(inputs)
    units = F.normalize(gradient.double().flatten(1), dim=1)
    return ((units.sum(0).square().sum().item()) - samples) / (samples * (samples - 1))


@final
@dataclass(frozen=True, slots=True)
class Switching:
    """What one ReLU does over a set of inputs.

    Attributes:
        name: of the ReLU in the model.
        share: of its units, those that are on for some of the inputs and off for others.
    """

    name: str
    share: float


@torch.no_grad()
def switching(model: nn.Module, inputs: Float[Tensor, "samples ..."]) -> tuple[Switching, ...]:
    """Return, for each ReLU in the order of the run, the share of its units that switch within the inputs.

    Where no unit switches a network is linear there, and its gradient is a constant.

    >>> switching(nn.Sequential(nn.ReLU()), torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
    (Switching(name='0', share=0.5),)
    """
    rows: list[Switching] = []

    def look(name: str, _: nn.Module, given: tuple[Tensor, ...]) -> None:
        on = given[0] > 0
        rows.append(Switching(name, (on.any(0) & ~on.all(0)).double().mean().item()))

    with untouched(model), ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, nn.ReLU):
                handle = module.register_forward_pre_hook(partial(look, name))
                hooks.callback(handle.remove)
        model(inputs)
    return tuple(rows)


@contextmanager
def statistics_fixed(model: nn.Module, inputs: Tensor) -> Iterator[None]:
    """Let every batch norm in training mode use the statistics of `inputs`, as constants.

    To be used under `untouched`, which puts modes and running statistics back.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 1.0
        if norms:
            with torch.no_grad():
                model(inputs)
        for norm in norms:
            norm.training = False
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def autocorrelation(curves: Curves, lags: int) -> Float[Tensor, "*curves lags"]:
    """Return the autocorrelation of each curve with its mean removed, at lags 0 to `lags`.

    The mean must go: a curve that never changes but is not zero would look perfectly correlated.

    >>> autocorrelation(torch.tensor([1.0, -1.0, 1.0, -1.0]), 1)
    tensor([ 1.0000, -0.7500])
    """
    centred = curves - curves.mean(-1, keepdim=True)
    points = curves.shape[-1]
    products = [(centred[..., : points - k] * centred[..., k:]).sum(-1) for k in range(lags + 1)]
    return torch.stack(products, -1) / products[0][..., None]


def white_noise(curves: int, points: int, generator: torch.Generator) -> Curves:
    """Return noise whose every point is drawn alone: what a shattered gradient looks like.

    >>> white_noise(3, 10, torch.Generator()).shape
    torch.Size([3, 10])
    """
    return torch.randn(curves, points, generator=generator)


def brown_noise(curves: int, points: int, generator: torch.Generator) -> Curves:
    """Return noise whose every step is drawn alone: what the gradient of a shallow network looks like.

    >>> brown_noise(3, 10, torch.Generator()).shape
    torch.Size([3, 10])
    """
    return white_noise(curves, points, generator).cumsum(-1)
