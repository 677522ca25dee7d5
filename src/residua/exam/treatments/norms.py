"""Put a norm after each layer of a network that has none (Ioffe & Szegedy 2015, arXiv:1502.03167).

With it the size of a signal no longer depends on what the weights were drawn from, and a residual branch adds one unit
of variance where without it each sum doubles what there is.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from residua.exam.treatments.patient import Patient
from residua.look import untouched
from residua.parts import Chain

NORMS: Final = (_BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.InstanceNorm2d)
LEAST: Final = 8
"""Samples in a batch below which its statistics say too little."""


def add_norms(patient: Patient) -> str | None:
    """Put batch norm after every convolution and every linear layer on vectors, the last layer left out."""
    if any(isinstance(module, NORMS) for module in patient.model.modules()) or len(patient.batch[0]) < LEAST:
        return None
    found = channels(patient)
    for name, norm in found.items():
        layer = patient.model.get_submodule(name)
        weight = next(layer.parameters())
        put = Chain(layer=layer, norm=norm.to(weight.device, weight.dtype))
        patient.put(name, put.train(patient.model.training))
    patient.adopt()
    return f"put batch norm after {len(found)} layers" if found else None


def channels(patient: Patient) -> dict[str, _BatchNorm]:
    """Return the norm that suits what leaves each layer, by the name of the layer, in the order of the run."""
    found: dict[str, _BatchNorm] = {}

    def look(name: str, output: Tensor) -> None:
        if output.ndim == 4:
            found[name] = nn.BatchNorm2d(output.shape[1])
        elif output.ndim == 2:
            found[name] = nn.BatchNorm1d(output.shape[1])

    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: look(name, output))
        for name, module in patient.model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    try:
        with untouched(patient.model), torch.no_grad():
            patient.model(patient.batch[0][:LEAST])
    finally:
        for hook in hooks:
            hook.remove()
    return dict(list(found.items())[:-1])
