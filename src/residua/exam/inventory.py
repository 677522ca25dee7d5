"""What a model and its optimiser are made of: weights, norms over the batch, and how steps are set."""

import math
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from residua.exam.observation import Norm, Optimisation, Weight
from residua.exam.schedule import AHEAD
from residua.exam.several import kind_of
from residua.look import Backward, mean_square
from residua.look.gradients import as_numbers

MANY: Final = 256
"""Numbers from which on it can be said how they lie."""


USUAL: Final = 0.001
"""Learning rate that most begin with, of Adam and its like."""


def weights(model: nn.Module, back: Backward, optimizer: torch.optim.Optimizer | None) -> tuple[Weight, ...]:
    """Return a row for each parameter: its size is the model's own, its gradient that of the woken model."""
    moved = (
        None if optimizer is None else {id(p) for group in optimizer.param_groups for p in group["params"]}
    )
    rows = []
    for name, parameter in model.named_parameters():
        values, gradient = as_numbers(parameter.detach()).float(), back.gradients.get(name)
        matrix = parameter.ndim > 1
        spread = values.std(correction=0).item() * math.sqrt(values[0].numel()) if matrix else None
        rows.append(
            Weight(
                name=name,
                count=parameter.numel(),
                matrix=matrix,
                trainable=parameter.requires_grad,
                optimised=None if moved is None else id(parameter) in moved,
                reached=gradient is not None,
                drawn=matrix and as_drawn(values),
                new=matrix and (as_drawn(values) or as_normal(values)),
                even=matrix and len(values) > 1 and bool((values == values[:1]).all()),
                size=math.sqrt(mean_square(values)),
                gradient=0.0 if gradient is None else math.sqrt(mean_square(gradient)),
                gain=spread,
            )
        )
    return tuple(rows)


def as_drawn(values: Tensor) -> bool:
    """Return whether weights lie as PyTorch draws those of a new layer: equally often between two bounds.

    After a training, and after starts of other kinds, few lie far out.

    >>> _ = torch.manual_seed(0)
    >>> as_drawn(nn.Linear(64, 64).weight.detach()), as_drawn(torch.randn(64, 64) / 8)
    (True, False)
    """
    if values.numel() < MANY:
        return False
    most = values.abs().max().item()
    return most > 0 and abs(values.std(correction=0).item() * math.sqrt(3) / most - 1) < 0.03


def as_normal(values: Tensor) -> bool:
    """Return whether weights lie normally around 0, as new ones often do; a training leaves more far out.

    >>> _ = torch.manual_seed(0)
    >>> as_normal(torch.randn(64, 64) / 8), as_normal(torch.randn(64, 64) ** 3)
    (True, False)
    """
    if values.numel() < MANY:
        return False
    deviation = values.std(correction=0).item()
    near = abs(values.mean().item()) < 5 * deviation / math.sqrt(values.numel())
    tails = (values / deviation).pow(4).mean().item() - 3 if deviation else math.inf
    return near and -1 < tails < max(0.3, 5 * math.sqrt(24 / values.numel()))


def norms(model: nn.Module, values: Mapping[str, int]) -> tuple[Norm, ...]:
    """Return a row for each normalisation over the batch; `values` is how many numbers each channel of a layer has."""
    return tuple(
        Norm(
            name=name,
            training=module.training or module.running_mean is None,
            momentum=module.momentum,
            seen=None if module.num_batches_tracked is None else int(module.num_batches_tracked),
            fresh=as_at_start(module),
            finite=sound(module),
            values=seen_in(values, name),
        )
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm)
    )


def seen_in(values: Mapping[str, int], name: str) -> int:
    """Return the numbers that each channel of a norm has; of one with an activation within, those of what is within.

    >>> seen_in({"norm.act": 8}, "norm"), seen_in({"other": 8}, "norm")
    (8, 0)
    """
    inside = (count for other, count in values.items() if other.startswith(f"{name}."))
    return values[name] if name in values else next(inside, 0)


def as_at_start(norm: _BatchNorm) -> bool:
    """Return whether the running statistics of a norm are those that it began with."""
    if norm.running_mean is None or norm.running_var is None:
        return False
    return not bool(norm.running_mean.any()) and bool((norm.running_var == 1).all())


def sound(norm: _BatchNorm) -> bool:
    """Return whether the running statistics of a norm are finite, and no variance is negative."""
    if norm.running_mean is None or norm.running_var is None:
        return True
    finite = torch.isfinite(norm.running_mean).all() & torch.isfinite(norm.running_var).all()
    return bool(finite & (norm.running_var >= 0).all())


def rate_of(group: Mapping[str, Any]) -> float:
    """Return the learning rate of a group; of one that a schedule has begun low, that which it leads to.

    Not a number for an optimiser that knows none. If the schedule is not known: of Adam and its like no rate is 1, and
    where such a group begins far below, a schedule gives the rates themselves (Vaswani et al. 2017), of which the usual
    one then stands for the highest.

    >>> rate_of({"lr": 1e-4, "initial_lr": 1e-3}), rate_of({"lr": 1e-7, "initial_lr": 1.0, "betas": (0.9, 0.98)})
    (0.001, 0.001)
    """
    rate = group.get("lr")
    if rate is None:
        return math.nan
    if AHEAD in group:
        highest: float = group[AHEAD].highest
        return highest
    now, led = float(rate), max(number(group.get("initial_lr")), number(group.get("max_lr")))
    return max(now, USUAL if led == 1 and "betas" in group else led)


def number(setting: Any) -> float:
    """Return a setting of an optimiser as a number; 0 for none, and for several, as Adafactor has them.

    >>> number(1e-8), number((None, 1e-3)), number(torch.tensor(0.5))
    (1e-08, 0.0, 0.5)
    """
    return float(setting) if isinstance(setting, int | float | Tensor) else 0.0


def optimisation(model: nn.Module, optimizer: torch.optim.Optimizer) -> Optimisation:
    """Return how the optimiser is set."""
    groups = optimizer.param_groups
    own = {id(parameter) for parameter in model.parameters()}
    rates = [rate_of(group) for group in groups]
    momenta = [
        float(group["betas"][0]) if "betas" in group else group.get("momentum", 0.0) for group in groups
    ]
    return Optimisation(
        kind=kind_of(optimizer),
        lr=max(rates),
        least_lr=min(rates),
        momentum=max(momenta),
        weight_decay=max(number(group.get("weight_decay")) for group in groups),
        epsilon=max(number(group.get("eps")) for group in groups),
        decoupled=any(group.get("decoupled_weight_decay", False) for group in groups),
        foreign=sum(id(p) not in own for group in groups for p in group["params"]),
        ends=min(
            (group[AHEAD].ends for group in groups if AHEAD in group and group[AHEAD].ends), default=None
        ),
        climbs=all(group.get("maximize", False) for group in groups),
    )
