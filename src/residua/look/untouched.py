"""The promise of every instrument: after it, even after an error, the model is as it was."""

import random
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

PYTORCHS: Final = frozenset(vars(nn.Module()))
"""What PyTorch keeps in every module: its parameters, buffers, parts, hooks and mode."""
HOLDERS: Final = (list, dict, set, deque, OrderedDict, defaultdict)
MOST: Final = 10_000
"""Things that are followed in one of them: what holds more is a table, and no count."""
DEEP: Final = 2
"""How far holders within holders are followed."""


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
    """Put back what modules keep in attributes of their own, and what stands in lists, dicts and sets there.

    Tensors are put back too; of what holds more than `MOST` things the insides are left alone.
    """
    kept = [(module, own_attributes(module)) for module in modules]
    holders = [*holding(value for _, attributes in kept for value in attributes.values())]
    inside = [(value, value.clone() if isinstance(value, Tensor) else value.copy()) for value in holders]
    try:
        yield
    finally:
        for module, attributes in kept:
            for name in own_attributes(module).keys() - attributes.keys():
                del vars(module)[name]
            vars(module).update(attributes)
        for value, before in inside:
            put_back(value, before)


def own_attributes(module: nn.Module) -> dict[str, Any]:
    """Return the attributes that a module's own code has set, without those that PyTorch keeps in every module."""
    return {name: value for name, value in vars(module).items() if name not in PYTORCHS}


def holding(values: Iterable[Any], depth: int = DEEP) -> Iterator[Any]:
    """Walk what among some values can be changed from within: small tensors, lists, dicts and sets, and theirs."""
    for value in values:
        if isinstance(value, Tensor):
            if not isinstance(value, nn.Parameter) and value.is_leaf and value.numel() <= MOST:
                yield value
        elif type(value) in HOLDERS and len(value) <= MOST:
            yield value
            if depth:
                yield from holding(value.values() if isinstance(value, dict) else value, depth - 1)


def put_back(value: Any, before: Any) -> None:
    """Give a tensor its numbers, or a list, dict or set what it held; things are told by which they are."""
    if isinstance(value, Tensor):
        if value.shape == before.shape:
            with torch.no_grad():
                value.copy_(before)
        return
    now, then = (
        [*held.items()] if isinstance(held, dict) else [(None, x) for x in held] for held in (value, before)
    )
    if len(now) == len(then) and all(a[0] is b[0] and a[1] is b[1] for a, b in zip(now, then, strict=True)):
        return
    value.clear()
    (value.extend if isinstance(value, list | deque) else value.update)(before)


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
