"""The promise of every instrument: after it, even after an error, the model is as it was."""

import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import torch
from torch import nn

PYTORCHS: Final = frozenset(vars(nn.Module()))
"""What PyTorch keeps in every module: its parameters, buffers, parts, hooks and mode."""


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Let a block of code run and differentiate a model without leaving a trace in it.

    On leaving, error or not, these are as before: every buffer (the running statistics of a batch norm), every `.grad`
    and `requires_grad`, the mode of every module, what its modules keep in attributes of their own (a counter, a list
    of activations), and the random states of Python, NumPy and its devices. Within, all `.grad` are None, every
    floating or complex parameter requires its gradient, and buffers are copies, so what an instrument writes there is
    thrown away. Hooks and weights are not guarded: an instrument removes its own hooks and moves weights only through
    `torch.func.functional_call`.

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
    with random_states_kept(cards_of(model)), buffers_kept(model), attributes_kept(modules):
        try:
            for parameter in parameters:
                parameter.grad = None
                parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())
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
def seeded(model: nn.Module, seed: int = 0) -> Iterator[None]:
    """Draw the same random numbers each time within, on the processor and a model's cards, and none of the user's."""
    cards = cards_of(model)
    with random_states_kept(cards):
        torch.default_generator.manual_seed(seed)
        for card in cards:
            with torch.cuda.device(card):
                torch.cuda.manual_seed(seed)
        yield


def cards_of(model: nn.Module) -> list[int]:
    """Return the numbers of the cards on which parameters of a model lie."""
    return sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})


@contextmanager
def attributes_kept(modules: list[nn.Module]) -> Iterator[None]:
    """Put back what modules keep in attributes of their own, and what stands in lists, dicts and sets there."""
    kept = [(module, own_attributes(module)) for module in modules]
    inside = [
        (value, value.copy())
        for _, attributes in kept
        for value in attributes.values()
        if isinstance(value, list | dict | set | deque)
    ]
    try:
        yield
    finally:
        for module, attributes in kept:
            for name in own_attributes(module).keys() - attributes.keys():
                del vars(module)[name]
            vars(module).update(attributes)
        for value, before in inside:
            refill(value, before)


def own_attributes(module: nn.Module) -> dict[str, Any]:
    """Return the attributes that a module's own code has set, without those that PyTorch keeps in every module."""
    return {name: value for name, value in vars(module).items() if name not in PYTORCHS}


def refill(value: Any, before: Any) -> None:
    """Give a list, dict or set what it held."""
    if value == before if isinstance(value, set) else same_items(value, before):
        return
    value.clear()
    (value.extend if isinstance(value, list | deque) else value.update)(before)


def same_items(value: Any, before: Any) -> bool:
    """Return whether two lists or dicts hold the very same things; tensors are not compared by value."""
    one, other = (
        (list(held.items()) if isinstance(held, dict) else [(None, item) for item in held])
        for held in (value, before)
    )
    return len(one) == len(other) and all(
        a[0] == b[0] and a[1] is b[1] for a, b in zip(one, other, strict=True)
    )


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
