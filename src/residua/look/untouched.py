"""The promise of every instrument: after it, even after an error, the model is as it was."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Let a block of code run and differentiate a model without leaving a trace in it.

    On leaving, error or not, these are as before: every buffer (the running statistics of a batch norm),
    every `.grad` and `requires_grad`, the mode of every module, and the random states of Python, NumPy and
    its devices. Within, all `.grad` are None, every floating parameter requires its gradient, and buffers are
    copies, so what an instrument writes there is thrown away. Hooks and weights are not guarded: an instrument
    removes its own hooks and moves weights only through `torch.func.functional_call`.

    >>> norm = nn.BatchNorm1d(2)
    >>> with untouched(norm):
    ...     _ = norm(torch.ones(4, 2))
    >>> norm.running_mean
    tensor([0., 0.])
    """
    modules = list(model.modules())
    modes = [module.training for module in modules]
    parameters = list(model.parameters())
    gradients = [(parameter.grad, parameter.requires_grad) for parameter in parameters]
    cards = {p.device.index or 0 for p in parameters if p.device.type == "cuda"}
    with random_states_kept(sorted(cards)), buffers_kept(model):
        try:
            for parameter in parameters:
                parameter.grad = None
                parameter.requires_grad_(parameter.is_floating_point())
            yield
        finally:
            for parameter, (gradient, required) in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
                parameter.requires_grad_(required)
            for module, training in zip(modules, modes, strict=True):
                module.training = training


@contextmanager
def random_states_kept(cards: list[int]) -> Iterator[None]:
    """Put back the random states of Python, NumPy, PyTorch's processor and these cards on leaving."""
    plain, array = random.getstate(), np.random.get_state()  # noqa: NPY002  # a model may use the old one
    try:
        with torch.random.fork_rng(devices=cards):
            yield
    finally:
        random.setstate(plain)
        np.random.set_state(array)  # noqa: NPY002


@contextmanager
def buffers_kept(model: nn.Module) -> Iterator[None]:
    """Put copies in place of all buffers, and the originals back on leaving.

    The originals are not written to at all, so gradients that still need them stay right.
    """
    kept: list[tuple[nn.Module, str, torch.Tensor]] = []
    copies: dict[int, torch.Tensor] = {}
    try:
        for module in model.modules():
            for name, buffer in module.named_buffers(recurse=False):
                kept.append((module, name, buffer))
                module._buffers[name] = copies.setdefault(id(buffer), buffer.detach().clone())
        yield
    finally:
        for module, name, buffer in kept:
            module._buffers[name] = buffer
