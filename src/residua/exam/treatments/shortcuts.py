"""Put shortcuts around every two layers of a plain network, where the shape allows it.

Each branch is closed by a scale that starts at 0 (SkipInit, De & Smith 2020, arXiv:2002.10444), so the network
begins as its shortcuts and a gradient reaches every layer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor, nn

from residua.exam.treatments.patient import Patient
from residua.look import untouched
from residua.parts import Chain, Join, Scale, Sum

LAYERS: Final = 2
"""Weighted layers within one branch."""
CONTAINERS: Final = (nn.Sequential, Chain)

Shapes = dict[int, tuple[torch.Size, torch.Size]]
"""For each module by its identity, the shapes of what came in and of what left."""


@final
@dataclass(slots=True)
class Count:
    """How many branches were made."""

    branches: int = 0


def add_shortcuts(patient: Patient) -> str | None:
    """Wrap each pair of layers that keeps the shape in a sum with what came in."""
    shapes = shapes_of(patient.model, patient.batch[0][:2])
    count = Count()
    treated = wrapped(patient.model, shapes, count)
    if not count.branches:
        return None
    patient.model = treated.train(patient.model.training)
    patient.adopt()
    return f"put shortcuts around {count.branches} pairs of layers, each branch scaled from 0"


def shapes_of(model: nn.Module, inputs: Tensor) -> Shapes:
    """Return the shapes around each module that runs once, from one tensor to one tensor."""
    shapes: Shapes = {}
    again: set[int] = set()

    def look(module: nn.Module, given: tuple[object, ...], output: object) -> None:
        if id(module) in shapes:
            again.add(id(module))
        elif len(given) == 1 and isinstance(given[0], Tensor) and isinstance(output, Tensor):
            shapes[id(module)] = given[0].shape, output.shape

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    try:
        with untouched(model), torch.no_grad():
            model.eval()
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return {key: value for key, value in shapes.items() if key not in again}


def wrapped(module: nn.Module, shapes: Shapes, count: Count) -> nn.Module:
    """Return a module with shortcuts in all the rows of layers within it."""
    if isinstance(module, Join):
        return module
    # A class of somebody's own may do more than call its parts in a row, and a row whose call was not seen is walked by
    # the code of what holds it.
    if type(module) in CONTAINERS and id(module) in shapes:
        return rebuilt(module, shapes, count)
    for name, child in module.named_children():
        setattr(module, name, wrapped(child, shapes, count))
    return module


def rebuilt(row: nn.Module, shapes: Shapes, count: Count) -> nn.Module:
    """Return a row of parts with its spans wrapped; the other parts are looked into."""
    parts: dict[str, nn.Module] = {}
    for span in spans(list(row.named_children()), shapes):
        name, first = span[0]
        inside = Chain(**{named(n): part for n, part in span}) if len(span) > 1 else first
        if fits(span, shapes):
            count.branches += 1
            device = next(inside.parameters()).device
            parts[name] = Sum(Chain(inside=inside, scale=Scale(0.0))).to(device)
        else:
            parts |= {n: wrapped(part, shapes, count) for n, part in span}
    if isinstance(row, Chain):
        return Chain(**parts)
    built = nn.Sequential()
    for name, part in parts.items():
        built.add_module(name, part)
    return built


def spans(parts: list[tuple[str, nn.Module]], shapes: Shapes) -> Iterator[list[tuple[str, nn.Module]]]:
    """Cut a row into spans: one that holds two layers and keeps the shape, or a single part.

    A span begins with a layer and ends before the next but one, so that norm and activation stay with the layer
    that they follow.
    """
    place = 0
    while place < len(parts):
        end = place
        for stop in range(place + 1, len(parts) + 1 if depth(parts[place][1]) else place):
            held = sum(depth(part) for _, part in parts[place:stop])
            if held > LAYERS and stop > place + 1:
                break
            if held == LAYERS and fits(parts[place:stop], shapes):
                end = stop
        end = max(end, place + 1)
        yield parts[place:end]
        place = end


def fits(span: list[tuple[str, nn.Module]], shapes: Shapes) -> bool:
    """Return whether a span holds two layers, no shortcut yet, and gives the shape that it gets."""
    if sum(depth(part) for _, part in span) != LAYERS:
        return False
    if any(isinstance(module, Join) for _, part in span for module in part.modules()):
        return False
    ends = shapes.get(id(span[0][1])), shapes.get(id(span[-1][1]))
    return ends[0] is not None and ends[1] is not None and ends[0][0] == ends[1][1]


def depth(part: nn.Module) -> int:
    """Return how many weighted layers a part holds."""
    return sum(any(p.ndim > 1 for p in module.parameters(recurse=False)) for module in part.modules())


def named(name: str) -> str:
    """Return a name that may be a keyword: positions in a row become words."""
    return f"part{name}" if name.isdigit() else name
