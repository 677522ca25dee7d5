"""Which activations write over what a shortcut still needs: they are let give a new value, and outputs are compared.

A layer with `inplace=True` says so, a function (`relu_`, `relu(x, inplace=True)`) does not: all of them are met where
PyTorch is called.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from residua.look import answer, seeded, untouched

MOST_TRIED: Final = 24
"""Places that are asked one by one which of them it is."""
NAMES: Final = ("relu", "leaky_relu", "elu", "selu", "celu", "tanh", "sigmoid", "threshold")
"""Activations of which PyTorch has a form that ends in an underscore and writes over its input."""
BESIDE: Final[Mapping[Callable[..., Any], Callable[..., Any]]] = {
    getattr(place, f"{name}_"): getattr(place, name)
    for place in (torch, F, Tensor)
    for name in NAMES
    if {name, f"{name}_"} <= set(dir(place))
}
"""By the function that writes over its input: that which gives a new value."""
ASKED: Final[Mapping[Callable[..., Any], inspect.Signature]] = {
    function: inspect.signature(function)
    for function in vars(F).values()
    if inspect.isfunction(function)
    and "inplace" in inspect.signature(function).parameters
    and "training" not in inspect.signature(function).parameters
}
"""Functions that write over their input when they are asked to; what draws at random may draw otherwise beside it."""


def rewritten(model: nn.Module, inputs: Tensor) -> tuple[str, ...]:
    """Return where activations in place change what a model gives, as one does that rewrites a shortcut.

    Args:
        model: any, in the mode that it is in; it is left as it was.
        inputs: a batch, samples first.

    Returns:
        The names of the layers, or of the modules that call the function; "" is the model itself.

    >>> class Block(nn.Module):
    ...     def forward(self, x):
    ...         return F.relu_(x) + x
    >>> rewritten(nn.Sequential(nn.Linear(2, 2), Block(), nn.Linear(2, 2)), torch.ones(4, 2))
    ('1',)
    >>> rewritten(nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True), nn.Linear(2, 2)), torch.ones(4, 2))
    ()
    """
    every = run(model, inputs, Beside())
    if not every.found:
        return ()
    # Where what a call gives is not looked at, its input is meant to be written over.
    places = tuple(dict.fromkeys(where for where in every.found if where not in every.ignored))
    plain = run(model, inputs, Beside(of=()))
    if not differs(plain.given, run(model, inputs, Beside(of=places)).given):
        return ()
    guilty = [
        where
        for where in places[:MOST_TRIED]
        if differs(plain.given, run(model, inputs, Beside(of=(where,))).given)
    ]
    return tuple(guilty) or places[:1]


@final
class Beside(TorchFunctionMode):
    """Lets activations give a new value where they would write over their input.

    Args:
        of: the modules in which they do so; None for all.

    Attributes:
        found: modules in which an activation writes over its input, one for each call.
        ignored: those of them in which what one gives is used nowhere, so that its input must stand for it.
        given: what the model gave.
    """

    def __init__(self, of: tuple[str, ...] | None = None) -> None:
        super().__init__()
        self.of = of
        self.within: list[str] = []
        self.found: list[str] = []
        self.given: Tensor | None = None
        self.unused: dict[int, tuple[str, Tensor]] = {}

    @property
    def ignored(self) -> set[str]:
        """Where what a call has given is used nowhere."""
        return {where for where, _ in self.unused.values()}

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        for value in tensors([*args, *named.values()]):
            self.unused.pop(id(value), None)
        plain = giving_anew(function, args, named)
        where = self.within[-1] if self.within else ""
        if plain is None or (self.of is not None and where not in self.of):
            return function(*args, **named)
        made = plain()
        self.found.append(where)
        self.unused[id(made)] = where, made  # held, so that no other takes its place
        return made


def giving_anew(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Callable[[], Any] | None:
    """Return the call of an activation in place as one that gives a new value; None for any other call."""
    if function in BESIDE:
        return lambda: BESIDE[function](*args, **kwargs)
    if function in ASKED:
        call = ASKED[function].bind(*args, **kwargs)
        if call.arguments.get("inplace"):
            call.arguments["inplace"] = False
            return lambda: function(*call.args, **call.kwargs)
    return None


def tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    """Walk the tensors among some values, singly or in rows."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors(value)


def run(model: nn.Module, inputs: Tensor, mode: Beside) -> Beside:
    """Run a model under a mode, with the same random draws each time, and return the mode with what was found."""
    with untouched(model), seeded(model), torch.no_grad(), followed(model, mode), mode:
        found = answer(model(inputs.clone()))
    if found is not None:
        mode.unused.pop(id(found), None)
    mode.given = found
    return mode


@contextmanager
def followed(model: nn.Module, mode: Beside) -> Iterator[None]:
    """Tell a mode which module is running."""

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: mode.within.append(name)

    def leave(*_: object) -> None:
        mode.within.pop()

    hooks = []
    try:
        for name, module in model.named_modules():
            hooks += [module.register_forward_pre_hook(enter(name)), module.register_forward_hook(leave)]
        yield
    finally:
        for hook in hooks:
            hook.remove()


def differs(one: Tensor | None, other: Tensor | None) -> bool:
    """Return whether two outputs differ by more than rounding."""
    if one is None or other is None:
        return False
    return bool((one - other).norm() > 1e-3 * one.norm())
