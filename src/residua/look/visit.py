"""One run of a batch through a model, with a measure taken of what leaves each part; instruments may share it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final, TypeVar

import torch
from torch import Tensor, nn

from residua.look.untouched import untouched
from residua.parts import Join

Row = TypeVar("Row")
Measure = Callable[[int, str, nn.Module, Tensor], Row]
"""From the position in the order of the run, the name, the part and what left it, to a row."""


PARAMETRIZATIONS: Final = "parametrizations"
"""Where PyTorch keeps what a weight is computed from, as by `weight_norm`; such a layer is a layer all the same."""


def measured(module: nn.Module) -> bool:
    """Return whether a module is worth a row: a fork, or one that computes something itself."""
    return isinstance(module, Join) or all(name == PARAMETRIZATIONS for name, _ in module.named_children())


def looked_at(model: nn.Module, only: type[nn.Module] | None = None) -> Iterator[tuple[str, nn.Module]]:
    """Walk the modules that have a row, or those of one class, by name; what computes a weight is none of them."""
    for name, module in model.named_modules():
        if PARAMETRIZATIONS in name.split("."):
            continue
        if isinstance(module, only) if only else measured(module):
            yield name, module


def own_parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    """Walk the parameters of a module itself, among them those that its weights are computed from.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    >>> sorted(tuple(parameter.shape) for parameter in own_parameters(layer))
    [(3,), (3, 1), (3, 2)]
    """
    yield from module.parameters(recurse=False)
    inside = dict(module.named_children()).get(PARAMETRIZATIONS)
    if inside is not None:
        yield from inside.parameters()


def visit(
    model: nn.Module, inputs: Tensor, measure: Measure[Row], *, only: type[nn.Module] | None = None
) -> tuple[Row, ...]:
    """Run a batch through any model, and return the measure of each layer and each join in the order of the run.

    The model runs in the mode that it is in. A part that gives no tensor of floating numbers has no row.

    Args:
        model: any module; it is left as it was.
        inputs: a batch, samples first.
        measure: of one output; it must not keep the output.
        only: measure parts of this class alone; without it the joins and every module that holds no other.

    >>> visit(nn.Sequential(nn.ReLU()), torch.ones(1, 2), lambda position, name, part, output: (name, output.shape))
    (('0', torch.Size([1, 2])),)
    """
    with untouched(model), torch.no_grad(), visiting(model, measure, only=only) as rows:
        model(inputs)
    return tuple(rows)


@contextmanager
def visiting(
    model: nn.Module, measure: Measure[Row], *, only: type[nn.Module] | None = None
) -> Iterator[list[Row]]:
    """Let whatever runs a model within also take the measure of each layer and each join, as `visit` does.

    >>> layer = nn.Linear(1, 1)
    >>> with visiting(layer, lambda position, name, part, output: output.shape) as rows:
    ...     layer(torch.ones(2, 1)).sum().backward()
    >>> rows
    [torch.Size([2, 1])]
    """
    rows: list[Row] = []

    def look(name: str, module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor) and output.is_floating_point():
            with torch.no_grad():
                rows.append(measure(len(rows), name, module, output.detach()))

    with ExitStack() as hooks:
        for name, module in looked_at(model, only):
            hooks.callback(module.register_forward_hook(partial(look, name)).remove)
        yield rows
