"""Bring the weights to a size at which the signal keeps its own, layer by layer.

Mishkin & Matas 2015, "All you need is a good init" (arXiv:1511.06422): run a batch, and divide the weights of each
layer by the deviation of what leaves it, from the first layer to the last.
"""

import math
from typing import TypeGuard

import torch
from torch import Tensor, nn

from residua.exam.treatments.patient import Patient
from residua.look import untouched

NEAR = 0.1
"""A layer whose root mean square is this near to 1 is left alone."""


def rescale(patient: Patient) -> str | None:
    """Draw the weights anew after He, and scale each layer so that what leaves it has second moment 1."""
    begun = 0
    for module in patient.model.modules():
        if drawable(module):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            begun += 1
    return f"draw the weights of {begun} layers anew after He, and {level(patient)}" if begun else None


def level(patient: Patient) -> str:
    """Scale each layer in the order of the run, until what leaves it has second moment 1."""
    scaled = 0

    def scale(module: nn.Module, _: object, output: Tensor) -> Tensor | None:
        nonlocal scaled
        size = output.float().square().mean().sqrt().item()
        if not math.isfinite(size) or not size or abs(size - 1) < NEAR:
            return None
        scaled += 1
        with torch.no_grad():
            module.get_parameter("weight").div_(size)
        bias = getattr(module, "bias", None)
        return (
            output / size if bias is None else (output - spread(bias, output)) / size + spread(bias, output)
        )

    hooks = [module.register_forward_hook(scale) for module in patient.model.modules() if drawable(module)]
    try:
        with untouched(patient.model), torch.no_grad():
            patient.model(patient.batch[0][:64])
    finally:
        for hook in hooks:
            hook.remove()
    return f"scale {scaled} of them so that the signal keeps its size"


def drawable(module: nn.Module) -> TypeGuard[nn.Conv2d | nn.Linear]:
    """Return whether a module is a layer that holds its weight itself, and does not compute it from others."""
    held = dict(module.named_parameters(recurse=False))
    return isinstance(module, nn.Conv2d | nn.Linear) and "weight" in held


def spread(bias: Tensor, output: Tensor) -> Tensor:
    """Return a bias in a shape that can be added to an output."""
    return bias.view(-1, *(1,) * (output.ndim - 2)) if output.ndim == 4 else bias
